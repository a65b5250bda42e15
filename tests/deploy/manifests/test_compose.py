"""deploy/compose.yaml, read by Docker Compose itself, which holds it against the compose specification's schema."""
import json

import yaml

from conftest import ROOT, run, version

COMPOSE = ROOT / "deploy/compose.yaml"


def config():
    return json.loads(run("docker-compose", "-f", str(COMPOSE), "config", "--format", "json").stdout)


def test_it_matches_the_specification():
    assert set(config()["services"]) == {"fintagd", "prometheus", "grafana"}


def test_wrong_fields_are_found(tmp_path):
    document = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    document["services"]["fintagd"]["healthchek"] = {}
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(yaml.safe_dump(document), encoding="utf-8")
    result = run("docker-compose", "-f", str(wrong), "config", "-q", check=False)
    assert result.returncode != 0
    assert "healthchek" in result.stderr


def test_every_service_is_limited_watched_and_kept():
    for name, service in config()["services"].items():
        limits = service["deploy"]["resources"]["limits"]
        assert {"cpus", "memory"} <= set(limits), name
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert service["restart"] == "unless-stopped", name
        assert service["cap_drop"] == ["ALL"], name
        assert any(volume["type"] == "volume" for volume in service["volumes"]), name
        assert all(port["host_ip"] == "127.0.0.1" for port in service["ports"]), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("read_only", False) or name == "grafana", name
        assert ":latest" not in service["image"] and ":" in service["image"], name


def test_each_waits_for_the_health_of_what_it_reads():
    waits = {(name, other, how["condition"]) for name, service in config()["services"].items()
             for other, how in service.get("depends_on", {}).items()}
    assert waits == {("prometheus", "fintagd", "service_healthy"), ("grafana", "prometheus", "service_healthy")}


def test_what_asks_for_no_token_is_published_on_loopback_alone():
    service = config()["services"]["fintagd"]
    assert service["command"] == ["--insecure"]
    assert {port["host_ip"] for port in service["ports"]} == {"127.0.0.1"}


def test_grafana_finds_the_dashboards_where_its_provider_looks():
    mounts = {v["target"]: v["source"] for v in config()["services"]["grafana"]["volumes"] if v["type"] == "bind"}
    grafana = ROOT / "deploy/grafana"
    provisioning = yaml.safe_load((grafana / "provisioning/dashboards/fintag.yaml").read_text(encoding="utf-8"))
    assert mounts[provisioning["providers"][0]["options"]["path"]] == str(grafana / "dashboards")
    assert mounts["/etc/grafana/provisioning"] == str(grafana / "provisioning")  # Grafana's own default


def test_the_image_is_this_version():
    assert config()["services"]["fintagd"]["image"] == f"localhost/fintag:{version()}"

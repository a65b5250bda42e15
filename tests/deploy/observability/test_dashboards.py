"""What can be said of the dashboards, rules and runbook without running anything."""
import json
import re
import subprocess
import sys

import generate
import preview
import pytest
import yaml
from e2e import ROOT
from PIL import Image
from queries import read_dashboard
from units import written

GRAFANA = ROOT / "deploy/grafana"
FILES = sorted((GRAFANA / "dashboards").glob("*.json"))
RULES = yaml.safe_load((ROOT / "deploy/prometheus/rules/fintag.yml").read_text(encoding="utf-8"))
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule}


def test_the_checked_in_json_is_what_the_code_writes():
    assert generate.dashboards() == {f.name: f.read_text(encoding="utf-8") for f in FILES}
    assert subprocess.run([sys.executable, "-B", GRAFANA / "generate.py", "--check"], check=False).returncode == 0


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_a_stranger_can_read_every_panel(file):
    dashboard = read_dashboard(file)
    panels = [p for p in dashboard.panels if p.kind != "row"]
    assert len(panels) >= 10 and len({p.title for p in panels}) == len(panels)
    for panel in panels:
        assert len(panel.description) > 30 and panel.description.endswith("."), panel.title
        assert panel.unit and written(0.5, panel.unit), panel.title
        assert panel.queries and all(q.legend for q in panel.queries), panel.title


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_panels_fill_the_grid_and_do_not_overlap(file):
    taken = {}
    for panel in read_dashboard(file).panels:
        for x in range(panel.x, panel.x + panel.width):
            for y in range(panel.y, panel.y + panel.height):
                assert x < 24 and (x, y) not in taken, f"{panel.title} lies on {taken.get((x, y))}"
                taken[x, y] = panel.title
    assert len(taken) == 24 * (max(y for _, y in taken) + 1)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_every_query_goes_to_the_chosen_data_source_and_knows_its_variables(file):
    model = json.loads(file.read_text(encoding="utf-8"))
    names = {v["name"] for v in model["templating"]["list"]}
    assert "datasource" in names and "instance" in names
    for panel in model["panels"]:
        for target in panel.get("targets", []):
            assert target["datasource"]["uid"] == "${datasource}"
            assert set(re.findall(r"\$(\w+)", target["expr"])) <= names | {"__rate_interval", "__range"}
            assert "[$__r" in target["expr"] or "rate(" not in target["expr"]


def test_alerts_say_what_is_wrong_and_link_into_the_runbook():
    headings = re.findall(r"^## (\w+)$", (ROOT / "deploy/RUNBOOK.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(ALERTS)
    for name, rule in ALERTS.items():
        assert rule["labels"]["severity"] in ("warning", "critical")
        notes = rule["annotations"]
        assert notes["summary"] and len(notes["description"]) > 40
        assert notes["runbook_url"] == "{{ with $externalLabels.docs }}{{ . }}/{{ end }}deploy/RUNBOOK.md#" + name.lower()


def test_every_alert_has_a_unit_test_in_which_it_fires_and_one_in_which_it_does_not():
    tests = yaml.safe_load((ROOT / "tests/deploy/observability/alerts_test.yml").read_text(encoding="utf-8"))["tests"]
    cases = [case for test in tests for case in test.get("alert_rule_test", [])]
    for name in ALERTS:
        assert any(c["alertname"] == name and c["exp_alerts"] for c in cases), f"{name} never fires"
        assert any(c["alertname"] == name and not c["exp_alerts"] for c in cases), f"{name} never rests"


def test_pictures_are_there_for_the_readme():
    for file in FILES:
        picture = GRAFANA / "preview" / f"{file.stem}.png"
        assert picture.stat().st_size < 250_000
        assert Image.open(picture).size == preview.size_of(read_dashboard(file)), "drawn before panels moved"


def test_grafana_is_provisioned_with_what_is_there():
    source = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yaml").read_text(encoding="utf-8"))
    assert source["datasources"][0]["type"] == "prometheus"
    provider = yaml.safe_load((GRAFANA / "provisioning/dashboards/fintag.yaml").read_text(encoding="utf-8"))
    assert provider["providers"][0]["options"]["path"] == "/var/lib/grafana/dashboards"

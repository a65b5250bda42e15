"""The overlays of more than one machine: serving replicas, and a training run over several pods."""
import tomllib

import pytest
from conftest import ROOT, render, version
from test_kubernetes import check, check_pod, check_probes

@pytest.fixture(scope="module")
def replicas():
    return render("overlays/serving-replicas")


@pytest.fixture(scope="module")
def training():
    return render("overlays/training-job")


def pod_of(resource):
    return resource["spec"]["template"]["spec"]


@pytest.mark.parametrize("overlay", ["overlays/serving-replicas", "overlays/training-job"])
def test_everything_matches_its_schema(overlay):
    for resource in render(overlay).values():
        check(resource)
        assert resource["kind"] == "Namespace" or resource["metadata"]["namespace"] == "fintag"


@pytest.mark.parametrize("overlay, key", [("overlays/serving-replicas", ("Deployment", "fintag-serve")),
                                          ("overlays/training-job", ("Job", "fintag-train"))])
def test_pods_are_locked_down_and_of_this_version(overlay, key):
    pod = pod_of(render(overlay)[key])
    check_pod(pod)
    assert pod["containers"][0]["image"] == f"localhost/fintag:{version()}"


def test_a_replica_reads_the_servers_volume_and_configuration(replicas):
    server, replica = pod_of(replicas["StatefulSet", "fintag"]), pod_of(replicas["Deployment", "fintag-serve"])
    claim, = replicas["StatefulSet", "fintag"]["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    volumes = {v["name"]: v for v in replica["volumes"]}
    assert volumes["data"]["persistentVolumeClaim"] == {"claimName": f"{claim['metadata']['name']}-fintag-0",
                                                        "readOnly": True}
    container = replica["containers"][0]
    mounts = {m["name"]: m for m in container["volumeMounts"]}
    assert set(mounts) == set(volumes) and mounts["data"] == {"name": "data", "mountPath": "/data", "readOnly": True}
    assert volumes["config"] == next(v for v in server["volumes"] if v["name"] == "config")
    text, = (r["data"]["fintagd.toml"] for (kind, _), r in replicas.items() if kind == "ConfigMap")
    assert tomllib.loads(text)["data-dir"] == mounts["data"]["mountPath"]
    # Its primary is the server's service, which no replica answers for.
    primary, = (a.split("=")[1] for a in container["args"] if a.startswith("--primary="))
    assert "--role=serve" in container["args"] and primary == "fintag.fintag.svc:50051"
    labels = replicas["Deployment", "fintag-serve"]["spec"]["template"]["metadata"]["labels"]
    assert not replicas["Service", "fintag"]["spec"]["selector"].items() <= labels.items()


def test_replicas_are_found_scraped_and_guarded(replicas):
    template = replicas["Deployment", "fintag-serve"]["spec"]["template"]
    labels = template["metadata"]["labels"].items()
    check_probes(template["spec"]["containers"][0], "HTTPS")
    ports = {port["name"] for port in template["spec"]["containers"][0]["ports"]}
    service = replicas["Service", "fintag-serve"]
    assert service["spec"]["selector"].items() <= labels
    assert {port["targetPort"] for port in service["spec"]["ports"]} == ports
    monitor = replicas["ServiceMonitor", "fintag"]["spec"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["endpoints"][0]["port"] in {port["name"] for port in service["spec"]["ports"]}
    policy = replicas["NetworkPolicy", "fintag-serve"]["spec"]
    assert policy["podSelector"]["matchLabels"].items() <= labels
    server = replicas["NetworkPolicy", "fintag"]["spec"]
    assert all(policy[part] == server[part] for part in ("ingress", "egress", "policyTypes"))
    budget = replicas["PodDisruptionBudget", "fintag-serve"]["spec"]
    assert budget["maxUnavailable"] == 1 and budget["selector"]["matchLabels"].items() <= labels


def test_the_autoscaler_asks_for_a_metric_of_ours(replicas):
    scaler = replicas["HorizontalPodAutoscaler", "fintag-serve"]["spec"]
    target = scaler["scaleTargetRef"]
    assert (target["kind"], target["name"]) in replicas and target["apiVersion"] == "apps/v1"
    metric, = scaler["metrics"]
    name = metric["pods"]["metric"]["name"]
    assert f"`{name}`" in (ROOT / "server/telemetry/METRICS.md").read_text(encoding="utf-8")
    assert "replicas" not in replicas["Deployment", "fintag-serve"]["spec"], "two would set the number"
    # What Prometheus' adapter is told, by the document that people follow.
    assert f'seriesQuery: \'{name}{{' in (ROOT / "deploy/SCALING.md").read_text(encoding="utf-8")


def test_the_ranks_know_each_other(training):
    job = training["Job", "fintag-train"]
    environment = {e["name"]: e for e in pod_of(job)["containers"][0]["env"]}
    assert job["spec"]["completionMode"] == "Indexed" and job["spec"]["backoffLimit"] == 0
    assert job["spec"]["completions"] == job["spec"]["parallelism"] == int(environment["WORLD_SIZE"]["value"])
    annotation = "batch.kubernetes.io/job-completion-index"
    assert environment["RANK"]["valueFrom"]["fieldRef"]["fieldPath"] == f"metadata.annotations['{annotation}']"
    service = training["Service", pod_of(job)["subdomain"]]
    assert service["spec"]["clusterIP"] == "None" and service["spec"]["publishNotReadyAddresses"] is True
    labels = job["spec"]["template"]["metadata"]["labels"].items()
    assert service["spec"]["selector"].items() <= labels
    assert environment["MASTER_ADDR"]["value"] == f"{job['metadata']['name']}-0.{service['metadata']['name']}"
    assert int(environment["MASTER_PORT"]["value"]) in {port["port"] for port in service["spec"]["ports"]}
    volumes = {v["name"]: v for v in pod_of(job)["volumes"]}
    assert ("PersistentVolumeClaim", volumes["data"]["persistentVolumeClaim"]["claimName"]) in training
    peers = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "fintag-train"}}}
    policy = training["NetworkPolicy", "fintag-train"]["spec"]
    assert peers["podSelector"]["matchLabels"].items() <= labels
    names = {"namespaceSelector": {}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}
    assert policy["policyTypes"] == ["Ingress", "Egress"] and policy["ingress"] == [{"from": [peers]}]
    assert policy["egress"] == [{"to": [peers]}, {"to": [names], "ports": [{"port": 53, "protocol": "UDP"},
                                                                           {"port": 53, "protocol": "TCP"}]}]

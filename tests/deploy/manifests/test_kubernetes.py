"""deploy/kubernetes, rendered by kubectl and held against the schemas of Kubernetes and of Prometheus' operator."""
import copy
import subprocess
import tomllib

import kubernetes_validate
import pydantic
import pytest
import yaml
from cloudcoil.models.prometheus_operator.v1 import PrometheusRule, ServiceMonitor

from conftest import ROOT, version

KUBERNETES = "1.37"
KINDS = {"Namespace", "ConfigMap", "Service", "StatefulSet", "PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor"}


def resources_of(rendered):
    return {key: value for key, value in rendered.items() if key != "overlay"}


def check(resource):
    """Raises where the resource is not what its schema says; unknown fields count."""
    if resource["kind"] == "ServiceMonitor":
        ServiceMonitor.model_validate(resource)
        known = {field.alias or name for name, field in type(ServiceMonitor.model_validate(resource).spec).model_fields.items()}
        assert set(resource["spec"]) <= known
        endpoint_fields = type(ServiceMonitor.model_validate(resource).spec.endpoints[0]).model_fields
        for endpoint in resource["spec"]["endpoints"]:
            assert set(endpoint) <= {field.alias or name for name, field in endpoint_fields.items()}
    else:
        kubernetes_validate.validate(resource, KUBERNETES, strict=True)


def test_everything_matches_its_schema(rendered):
    resources = resources_of(rendered)
    assert {kind for kind, _ in resources} == KINDS
    for resource in resources.values():
        check(resource)
        assert resource["kind"] == "Namespace" or resource["metadata"]["namespace"] == "fintag"


def test_wrong_fields_are_found(rendered):
    resources = copy.deepcopy(resources_of(rendered))
    pod = resources["StatefulSet", "fintag"]["spec"]["template"]["spec"]
    pod["containers"][0]["readOnly"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        check(resources["StatefulSet", "fintag"])
    monitor = resources["ServiceMonitor", "fintag"]
    monitor["spec"]["endpoints"][0]["intervall"] = "15s"
    with pytest.raises((pydantic.ValidationError, AssertionError)):
        check(monitor)


def check_pod(pod):
    """What every pod here promises: it is locked down, and takes no more of its machine than it says."""
    assert pod["automountServiceAccountToken"] is False
    context = pod["securityContext"]
    # The number that owns /data in the image.
    assert context["runAsNonRoot"] is True and context["runAsUser"] == context["runAsGroup"] == 10001
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    container, = pod["containers"]
    assert container["securityContext"] == {"readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False,
                                            "capabilities": {"drop": ["ALL"]}}
    asked, limits = container["resources"]["requests"], container["resources"]["limits"]
    assert "cpu" in asked
    assert 0 < int(asked["memory"].removesuffix("Gi")) <= int(limits["memory"].removesuffix("Gi"))
    assert all("sizeLimit" in volume["emptyDir"] for volume in pod["volumes"] if "emptyDir" in volume)


def check_probes(container, scheme):
    """Alive is another question than ready: a server that waits for its data must not be killed for it."""
    for probe, path in (("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        assert container[probe]["httpGet"] == {"path": path, "port": "metrics", "scheme": scheme}, probe
    assert "metrics" in {port["name"] for port in container["ports"]}


def test_the_pod_is_locked_down(rendered):
    pod = rendered["StatefulSet", "fintag"]["spec"]["template"]["spec"]
    check_pod(pod)
    assert pod["securityContext"]["fsGroup"] == 10001
    assert rendered["Namespace", "fintag"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_only_those_named_may_call_and_the_server_calls_nobody(rendered):
    policy = rendered["NetworkPolicy", "fintag"]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"] and policy["egress"] == []
    callers = {rule["ports"][0]["port"]: rule["from"] for rule in policy["ingress"]}
    assert all(len(rule["ports"]) == 1 and rule["ports"][0]["protocol"] == "TCP" for rule in policy["ingress"])

    here, outside = {"podSelector": {}}, {"ipBlock": {"cidr": "0.0.0.0/0"}}
    grpc = [here, {"namespaceSelector": {"matchLabels": {"fintag-client": "true"}}}]
    assert callers == {
        "grpc": grpc + ([outside] if rendered["overlay"] == "overlays/one-node" else []),
        "metrics": [here, {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]}


def test_a_drain_waits_for_the_only_pod_but_where_there_is_one_node(rendered):
    budget = rendered["PodDisruptionBudget", "fintag"]["spec"]
    assert budget["maxUnavailable"] == (1 if rendered["overlay"] == "overlays/one-node" else 0)


def test_names_and_ports_meet(rendered):
    template = rendered["StatefulSet", "fintag"]["spec"]["template"]
    container = template["spec"]["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    allowed = {port["port"] for rule in rendered["NetworkPolicy", "fintag"]["spec"]["ingress"] for port in rule["ports"]}
    assert allowed == set(ports)
    labels = template["metadata"]["labels"].items()
    for kind, path in (("Service", ["selector"]), ("PodDisruptionBudget", ["selector", "matchLabels"]),
                       ("NetworkPolicy", ["podSelector", "matchLabels"]), ("StatefulSet", ["selector", "matchLabels"])):
        selector = rendered[kind, "fintag"]["spec"]
        for step in path:
            selector = selector[step]
        assert selector and selector.items() <= labels, kind
    monitor = rendered["ServiceMonitor", "fintag"]["spec"]
    service = rendered["Service", "fintag"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["endpoints"][0]["port"] in {port["name"] for port in service["spec"]["ports"]}
    # The configuration that is mounted is the one that was made, whose name has a hash.
    maps = [name for kind, name in resources_of(rendered) if kind == "ConfigMap"]
    volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
    assert maps == [volumes["config"]["configMap"]["name"]]


def test_all_is_encrypted_and_asks_for_tokens_but_in_a_trial(rendered):
    secure = rendered["overlay"] != "overlays/trial"
    pod = rendered["StatefulSet", "fintag"]["spec"]["template"]["spec"]
    container = pod["containers"][0]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    secrets = {v["name"]: v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v}
    assert secrets == ({"tls": "fintag-tls", "tokens": "fintag-tokens"} if secure else {})
    assert set(mounts) == {v["name"] for v in pod["volumes"]} | {"data"}
    text, = (r["data"]["fintagd.toml"] for (kind, _), r in resources_of(rendered).items() if kind == "ConfigMap")
    options = tomllib.loads(text)
    assert (options.get("insecure", False), "tokens" in options) == (not secure, secure)
    for name, folder in (("tls-cert", "tls"), ("tls-key", "tls"), ("tokens", "tokens")) if secure else ():
        assert options[name].rsplit("/", 1)[0] == mounts[folder]
    check_probes(container, "HTTPS" if secure else "HTTP")
    endpoint = rendered["ServiceMonitor", "fintag"]["spec"]["endpoints"][0]
    assert ("authorization" in endpoint, endpoint.get("scheme")) == (secure, "https" if secure else None)


def test_the_operators_rules_are_those_of_prometheus():
    text = subprocess.run([ROOT / "deploy/kubernetes/prometheus_rule.sh"], capture_output=True, text=True, check=True).stdout
    resource = yaml.safe_load(text)
    PrometheusRule.model_validate(resource)
    assert resource["kind"] == "PrometheusRule" and resource["metadata"]["namespace"] == "fintag"
    assert resource["spec"] == yaml.safe_load((ROOT / "deploy/prometheus/rules/fintag.yml").read_text(encoding="utf-8"))


def test_the_image_is_this_version(rendered):
    container = rendered["StatefulSet", "fintag"]["spec"]["template"]["spec"]["containers"][0]
    suffix = "-cuda" if rendered["overlay"] == "overlays/gpu" else ""
    assert container["image"] == f"localhost/fintag:{version()}{suffix}"
    assert ("nvidia.com/gpu" in container["resources"]["limits"]) == bool(suffix)

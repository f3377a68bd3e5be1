"""The manifests as each overlay gives them: valid, hardened, and of one piece with settings, images and documentation."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from crmsearch import __version__
from crmsearch.node.installation import ELASTICSEARCH_VERSION
from crmsearch.settings import CREDENTIAL_VARIABLES, Cloud, Secret, from_env, setting_rows

ROOT = Path(__file__).parents[3]
BASE = ROOT / "docker" / "kubernetes" / "base"
OVERLAYS: dict[str, Cloud] = {"plain": "aws", "aliyun": "aliyun", "tencent": "tencent", "huawei": "huawei"}
PAGE = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
KUBERNETES = "1.31"
OPERATORS = {"elasticsearch.k8s.elastic.co/v1", "kibana.k8s.elastic.co/v1"}
OPERATORS_SECRETS = {"crmsearch-es-http-certs-public"}

Manifest = dict[str, Any]
each_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


@cache
def _rendered(overlay: str) -> list[Manifest]:
    folder = str(ROOT / "docker" / "kubernetes" / "overlays" / overlay)
    if kustomize := shutil.which("kustomize"):
        command = [kustomize, "build", folder]
    elif kubectl := shutil.which("kubectl"):
        command = [kubectl, "kustomize", folder]
    else:
        pytest.skip("neither kustomize nor kubectl is installed; either, of any recent version, enables these tests")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, "a warning, such as of what is out of use"
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def _of_kind(overlay: str, kind: str) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in _rendered(overlay) if each["kind"] == kind}


def _template() -> Manifest:
    """The pod that Spark fills in for executors."""
    template: Manifest = yaml.safe_load((BASE / "executor.yaml").read_text(encoding="utf-8"))
    return template


def _pods(overlay: str) -> dict[str, Manifest]:
    """Pods of our own images, by their label."""
    deployed = [each["spec"]["template"] for each in _of_kind(overlay, "Deployment").values()]
    planned = [each["spec"]["jobTemplate"]["spec"]["template"] for each in _of_kind(overlay, "CronJob").values()]
    return {pod["metadata"]["labels"]["app"]: pod for pod in (*deployed, *planned, _template())}


def _walk(value: Any) -> Iterator[Manifest]:
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _walk(each)


@each_overlay
def test_everything_is_of_the_schema(overlay: str) -> None:
    checked = 0
    for each in _rendered(overlay):
        assert each["kind"] == "Namespace" or each["metadata"]["namespace"] == "crmsearch"
        if each["apiVersion"] not in OPERATORS:
            kubernetes_validate.validate(each, KUBERNETES, strict=True)
            checked += 1
    assert checked >= 18


def test_the_schemas_would_find_a_slip() -> None:
    (service,) = _of_kind("plain", "Service").values()
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**service, "spec": {**service["spec"], "port": 80}}, KUBERNETES, strict=True)


@each_overlay
def test_the_operators_resources_are_such_as_it_takes(overlay: str) -> None:
    """Its schemas cannot be had offline: what it takes from Kubernetes is checked by Kubernetes' own, the rest by name."""
    (elasticsearch,) = _of_kind(overlay, "Elasticsearch").values()
    (kibana,) = _of_kind(overlay, "Kibana").values()
    assert {elasticsearch["spec"]["version"], kibana["spec"]["version"]} == {ELASTICSEARCH_VERSION}
    assert elasticsearch["spec"].keys() == {"version", "http", "nodeSets", "volumeClaimDeletePolicy"}
    assert kibana["spec"].keys() == {"version", "count", "elasticsearchRef", "podTemplate"}
    assert kibana["spec"]["elasticsearchRef"]["name"] == elasticsearch["metadata"]["name"]
    names = [each["dns"] for each in elasticsearch["spec"]["http"]["tls"]["selfSignedCertificate"]["subjectAltNames"]]
    (nodes,) = elasticsearch["spec"]["nodeSets"]
    assert nodes.keys() == {"name", "count", "config", "podTemplate", "volumeClaimTemplates"}
    assert nodes["count"] % 2 == 1, "a majority"
    (claim,) = nodes["volumeClaimTemplates"]
    assert claim["metadata"]["name"] == "elasticsearch-data", "the one that the operator mounts"
    kubernetes_validate.validate({"apiVersion": "v1", "kind": "PersistentVolumeClaim", **claim}, KUBERNETES, strict=True)
    for container, template in (("elasticsearch", nodes["podTemplate"]), ("kibana", kibana["spec"]["podTemplate"])):
        assert [each["name"] for each in template["spec"]["containers"]] == [container]
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, **template}
        kubernetes_validate.validate(pod, KUBERNETES, strict=True)
        assert template["spec"]["securityContext"]["runAsNonRoot"]
        assert template["spec"]["containers"][0]["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
        assert template["spec"]["containers"][0]["resources"]["limits"]["memory"]
    for values in _settings(overlay).values():
        assert re.match(r"https://([^:/]+)", values["CRMSEARCH_ELASTICSEARCH_URL"])[1] in names  # type: ignore[index]


def test_pods_of_ours_may_do_nothing_that_they_need_not() -> None:
    kubernetes_validate.validate({**_template(), "metadata": {"name": "x"}}, KUBERNETES, strict=True)
    pods = _pods("plain")
    assert pods.keys() == {"crmsearch-api", "crmsearch-load", "crmsearch-executor"}
    for name, pod in pods.items():
        spec = pod["spec"]
        # Variables of services would be settings that nobody knows, and be refused.
        assert spec["enableServiceLinks"] is False, name
        assert (spec["securityContext"]["runAsNonRoot"], spec["securityContext"]["runAsUser"]) == (True, 1000)
        assert spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert name == "crmsearch-executor" or {"cpu", "memory"} <= container["resources"]["requests"].keys()
            assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in spec["volumes"]}
    tokens = {name for name, pod in pods.items() if pod["spec"].get("automountServiceAccountToken")}
    assert tokens == {"crmsearch-load"}, "who asks the cluster for executors, and nobody else"
    accounts = _of_kind("plain", "ServiceAccount")
    assert not any(each["automountServiceAccountToken"] for each in accounts.values())
    (role,) = _of_kind("plain", "Role").values()
    assert {resource for rule in role["rules"] for resource in rule["resources"]} == {"pods", "configmaps", "persistentvolumeclaims"}
    assert not any("*" in rule["verbs"] for rule in role["rules"])


@each_overlay
def test_what_is_named_is_there(overlay: str) -> None:
    secrets = set(re.findall(r"^\| `(crmsearch-[\w-]+)` \|", PAGE, re.MULTILINE)) | OPERATORS_SECRETS
    known = {kind: _of_kind(overlay, kind).keys() for kind in ("ConfigMap", "PersistentVolumeClaim", "ServiceAccount", "Service")}
    named: set[str] = set()
    for each in (*_rendered(overlay), _template()):
        for place in _walk(each):
            for reference, key in (("secretRef", "name"), ("secret", "secretName"), ("secretKeyRef", "name")):
                if isinstance(place.get(reference), dict):
                    named.add(place[reference][key])
            named |= {place["secretName"]} if "tls" not in place and isinstance(place.get("secretName"), str) else set()
            for reference in ("configMapRef", "configMapKeyRef", "configMap"):
                if isinstance(place.get(reference), dict):
                    assert place[reference]["name"] in known["ConfigMap"]
            if "claimName" in place:
                assert place["claimName"] in known["PersistentVolumeClaim"]
            if "serviceAccountName" in place:
                assert place["serviceAccountName"] in known["ServiceAccount"]
    assert named == secrets
    ((ingress,), (scaler,), (budget,)) = (
        _of_kind(overlay, kind).values() for kind in ("Ingress", "HorizontalPodAutoscaler", "PodDisruptionBudget")
    )
    assert ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] in known["Service"]
    assert scaler["spec"]["scaleTargetRef"]["name"] in _of_kind(overlay, "Deployment")
    assert budget["spec"]["minAvailable"] < scaler["spec"]["minReplicas"]
    for selecting in (
        budget["spec"]["selector"]["matchLabels"],
        *(each["spec"]["selector"] for each in _of_kind(overlay, "Service").values()),
    ):
        assert selecting["app"] in _pods(overlay)
    (deployment,) = _of_kind(overlay, "Deployment").values()
    assert "replicas" not in deployment["spec"], "the autoscaler has the word"


def _settings(overlay: str) -> dict[str, dict[str, str]]:
    """The variables of the API and of the load."""
    maps = {re.sub(r"-[a-z0-9]{10}$", "", name): each["data"] for name, each in _of_kind(overlay, "ConfigMap").items()}
    return {
        name: {key: value for key, value in maps[name].items() if key.startswith("CRMSEARCH_")} for name in ("crmsearch", "crmsearch-load")
    }


@each_overlay
def test_settings_are_such_as_there_are(overlay: str, tmp_path: Path) -> None:
    secrets = {row.variable for row in setting_rows() if isinstance(row.default, Secret)}
    (tmp_path / "key").write_text("a2V5", encoding="ascii")
    for name, values in _settings(overlay).items():
        # The images' entry point reads a secret from the file that VARIABLE_FILE names.
        files = {key for key in values if key.removesuffix("_FILE") in secrets and key != "CRMSEARCH_ELASTICSEARCH_API_KEY_FILE"}
        given = {key: value for key, value in values.items() if key not in files}
        settings = from_env({**given, "CRMSEARCH_ELASTICSEARCH_API_KEY_FILE": str(tmp_path / "key")})
        assert settings.log.format == "json"
        assert settings.elasticsearch.replicas == 1
        assert "CRMSEARCH_PRIVACY_KEY_FILE" in files, "the same everywhere, or who was erased comes back"
        pod = _pods(overlay)["crmsearch-api" if name == "crmsearch" else "crmsearch-load"]["spec"]
        mounts = [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]]
        paths = [value for key, value in values.items() if key.endswith(("_FILE", "_DIR"))]
        assert all(any(path.startswith(mount) for mount in mounts) for path in paths), "what is not mounted is not there"
        for variable in pod["containers"][0].get("env", []):
            assert not variable["name"].startswith("CRMSEARCH_") or variable["name"] in {row.variable for row in setting_rows()}


@each_overlay
def test_each_cloud_has_its_own_places(overlay: str) -> None:
    cloud = OVERLAYS[overlay]
    storage = {key: value for key, value in _settings(overlay)["crmsearch-load"].items() if key.startswith("CRMSEARCH_STORAGE_")}
    assert storage["CRMSEARCH_STORAGE_CLOUD"] == cloud
    assert "CRMSEARCH_STORAGE_REGION" in storage or "CRMSEARCH_STORAGE_ENDPOINT" in storage
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{overlay}` |"))
    (elasticsearch,) = _of_kind(overlay, "Elasticsearch").values()
    classes = {each["spec"]["storageClassName"] for each in _of_kind(overlay, "PersistentVolumeClaim").values()}
    classes |= {elasticsearch["spec"]["nodeSets"][0]["volumeClaimTemplates"][0]["spec"]["storageClassName"]}
    assert [f"`{name}`" in row for name in classes] == [True]
    assert all(f"`{name}`" in row for name in CREDENTIAL_VARIABLES[cloud][:2])
    images = {name: pod["spec"]["containers"][0].get("image", "") for name, pod in _pods(overlay).items()}
    place = next(each["data"] for name, each in _of_kind(overlay, "ConfigMap").items() if name.startswith("crmsearch-place-"))
    assert images["crmsearch-load"] == place["spark-image"], "driver and executors are of one image"
    assert all(image.endswith(f":{__version__}") for image in images.values() if image)
    (ingress,) = _of_kind(overlay, "Ingress").values()
    assert {ingress["spec"]["rules"][0]["host"], *ingress["spec"]["tls"][0]["hosts"]} == {place["hosts"]}


def test_the_network_lets_through_what_is_listened_to() -> None:
    policies = _of_kind("plain", "NetworkPolicy")
    assert policies["nothing"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    conf = dict(
        line.split(None, 1) for line in (BASE / "spark-defaults.conf").read_text(encoding="utf-8").splitlines() if not line.startswith("#")
    )
    ports = {int(value) for name, value in conf.items() if name.endswith(".port")}
    opened = {port["port"] for rule in policies["load"]["spec"]["ingress"] for port in rule["ports"]}
    assert opened == ports
    assert opened <= {port["port"] for rule in policies["load"]["spec"]["egress"] for port in rule["ports"]}
    api = _pods("plain")["crmsearch-api"]["spec"]["containers"][0]
    assert [port["port"] for rule in policies["api"]["spec"]["ingress"] for port in rule["ports"]] == [api["ports"][0]["containerPort"]]
    apps = {value for policy in policies.values() for place in _walk(policy) for value in place.get("values", [place.get("app")]) if value}
    assert apps <= _pods("plain").keys()
    assert conf["spark.kubernetes.authenticate.executor.serviceAccountName"] in _of_kind("plain", "ServiceAccount")
    assert conf["spark.kubernetes.executor.podTemplateContainerName"] == _template()["spec"]["containers"][0]["name"]
    assert conf["spark.kubernetes.executor.podTemplateFile"].endswith("/executor.yaml")

"""deploy/helm: helm renders the chart with each file of values, and kubeconform finds no fault in any object."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from driftgauge.agent.settings.load import Settings, load_settings

from .compose_file import DEPLOY
from .kubernetes import VERSION, write_schemas
from .tools import run_tool

CHART = DEPLOY / "helm" / "driftgauge"
EXAMPLES = DEPLOY / "helm" / "examples"
SETS: Mapping[str, tuple[str, ...]] = {
    "default": (),
    "postgresql": ("postgresql",),
    "keda": ("postgresql", "keda"),
    "gpu": ("gpu",),
    "pages": ("pages",),
    "first fit": ("first-fit",),
    "first fit on a gpu, with postgresql": ("postgresql", "gpu", "first-fit"),
}
Objects = list[dict[str, Any]]


def template(*names: str, sets: tuple[str, ...] = (), chart: Path = CHART) -> str:
    """Return what Helm makes of the chart with these files of values, and values like ``replicas=2``."""
    files = [word for name in names for word in ("--values", EXAMPLES / f"{name}.yaml")]
    more = [word for value in sets for word in ("--set", value)]
    return run_tool("helm", "template", "line", chart, "--kube-version", VERSION, *files, *more)


def rendered(*names: str, sets: tuple[str, ...] = (), chart: Path = CHART) -> Objects:
    """Return the objects of `template`."""
    return [
        found for found in yaml.safe_load_all(template(*names, sets=sets, chart=chart)) if found
    ]


def one(objects: Objects, kind: str) -> dict[str, Any]:
    (found,) = [each for each in objects if each["kind"] == kind]
    return found


def pod_of(objects: Objects, kind: str) -> dict[str, Any]:
    pod: dict[str, Any] = one(objects, kind)["spec"]["template"]["spec"]
    return pod


@pytest.fixture(scope="session")
def conforms(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Objects], None]:
    folder = tmp_path_factory.mktemp("schemas")
    place = write_schemas(folder)

    def check(objects: Objects) -> None:
        text = yaml.safe_dump_all(objects)
        told = run_tool("kubeconform", "-strict", "-summary", "-schema-location", place, stdin=text)
        assert f"Valid: {len(objects)}, Invalid: 0, Errors: 0, Skipped: 0" in told, told

    return check


@pytest.fixture(scope="session")
def model_chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example of a model's chart, with this one as its dependency."""
    folder = tmp_path_factory.mktemp("chart") / "deploy"
    shutil.copytree(DEPLOY, folder, symlinks=True)
    chart = folder / "helm" / "examples" / "model-with-sidecar"
    run_tool("helm", "dependency", "build", chart)
    return chart


def settings_of(objects: Objects, kind: str, folder: Path, patch: pytest.MonkeyPatch) -> Settings:
    """Return the settings as the container reads them: from its file, environment and secrets."""
    path = folder / "driftgauge.toml"
    path.write_text(one(objects, "ConfigMap")["data"]["driftgauge.toml"])
    for variable in pod_of(objects, kind)["containers"][0]["env"]:
        name, value = variable["name"], variable["value"]
        if name.endswith("_FILE"):
            secret = folder / name
            secret.write_text("postgresql://u:p@db/d" if "STORE" in name else "secret")
            value = str(secret)
        patch.setenv(name, value)
    return load_settings(path)


@pytest.mark.parametrize("names", SETS.values(), ids=SETS)
def test_every_object_conforms_and_the_agent_takes_its_settings(
    names: tuple[str, ...],
    conforms: Callable[[Objects], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    objects = rendered(*names)
    conforms(objects)
    kind = "Deployment" if "postgresql" in names else "StatefulSet"
    settings = settings_of(objects, kind, tmp_path, monkeypatch)
    if "pages" in names:
        assert settings.web.sign_in == "everything"
        assert settings.web.trusted_proxies == ("10.0.0.0/8",)
    assert settings.store.url.get_secret_value().startswith(
        "postgresql:" if "postgresql" in names else "sqlite:////data/"
    )


def test_these_values_use_every_template_and_every_example(model_chart: Path) -> None:
    text = template(chart=model_chart)
    text += "".join(template(*names) for names in SETS.values())
    for path in (CHART / "templates").glob("*.yaml"):
        assert f"driftgauge/templates/{path.name}" in text, path.name
    used = {name for names in SETS.values() for name in names}
    assert {path.stem for path in EXAMPLES.glob("*.yaml")} == used


def test_kubeconform_refuses_what_is_misspelt(conforms: Callable[[Objects], None]) -> None:
    objects = rendered("postgresql", "keda")
    one(objects, "ServiceMonitor")["spec"]["endpoint"] = []
    with pytest.raises(AssertionError, match="endpoint"):
        conforms(objects)
    objects = rendered()
    pod_of(objects, "StatefulSet")["containers"][0]["livenesProbe"] = {}
    with pytest.raises(AssertionError, match="livenesProbe"):
        conforms(objects)


def test_helm_finds_no_fault_in_the_chart() -> None:
    told = run_tool("helm", "lint", "--strict", "--kube-version", VERSION, CHART)
    assert "0 chart(s) failed" in told


def test_one_agent_with_sqlite_is_a_stateful_set_and_several_are_a_deployment() -> None:
    assert one(rendered(), "StatefulSet")["spec"]["replicas"] == 1
    several = one(rendered("postgresql"), "Deployment")["spec"]
    assert several["replicas"] == 3
    assert several["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


@pytest.mark.parametrize("names", SETS.values(), ids=SETS)
def test_no_container_may_do_more_than_it_needs(names: tuple[str, ...]) -> None:
    for each in rendered(*names):
        if each["kind"] not in {"Deployment", "StatefulSet", "Job"}:
            continue
        pod = each["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            allowed = container["securityContext"]
            assert allowed["readOnlyRootFilesystem"] is True
            assert allowed["allowPrivilegeEscalation"] is False
            assert allowed["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]
            assert {mount["name"] for mount in container["volumeMounts"]} <= {
                volume["name"] for volume in pod["volumes"]
            }


def test_the_agent_is_probed_where_it_answers() -> None:
    (agent,) = pod_of(rendered(), "StatefulSet")["containers"]
    assert agent["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert agent["startupProbe"]["httpGet"]["path"] == "/healthz"
    assert agent["readinessProbe"]["httpGet"]["path"] == "/readyz"
    environment = {variable["name"]: variable.get("value") for variable in agent["env"]}
    assert environment["DRIFTGAUGE_HTTP__HOST"] == "0.0.0.0"
    assert environment["DRIFTGAUGE_HTTP__PORT"] == str(agent["ports"][0]["containerPort"])


def test_secrets_are_files_and_in_no_environment() -> None:
    objects = rendered("postgresql")
    pod = pod_of(objects, "Deployment")
    environment = {one["name"]: one["value"] for one in pod["containers"][0]["env"]}
    assert environment["DRIFTGAUGE_STORE__URL_FILE"] == "/run/secrets/driftgauge/store-url"
    assert environment["DRIFTGAUGE_KAFKA__PASSWORD_FILE"].startswith("/run/secrets/driftgauge/")
    (sources,) = [v["projected"]["sources"] for v in pod["volumes"] if "projected" in v]
    assert {source["secret"]["name"] for source in sources} == {
        "driftgauge-database",
        "driftgauge-kafka",
    }
    assert not [each for each in objects if each["kind"] == "Secret"]


def test_the_tables_are_made_before_the_agent_starts() -> None:
    (migrate,) = pod_of(rendered("postgresql"), "Deployment")["initContainers"]
    assert migrate["args"] == ["db", "upgrade"]
    assert "initContainers" not in pod_of(rendered(sets=("migrate.enabled=false",)), "StatefulSet")


def test_keda_scales_up_to_the_partitions_and_never_to_nobody() -> None:
    objects = rendered("postgresql", "keda")
    scaled = one(objects, "ScaledObject")["spec"]
    assert "replicas" not in one(objects, "Deployment")["spec"]
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (1, 12)
    assert scaled["scaleTargetRef"]["name"] == one(objects, "Deployment")["metadata"]["name"]
    assert scaled["triggers"][0]["metadata"]["allowIdleConsumers"] == "false"


def test_keda_reads_the_lag_of_the_agents_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = rendered("postgresql", "keda")
    settings = settings_of(objects, "Deployment", tmp_path, monkeypatch)
    lag = one(objects, "ScaledObject")["spec"]["triggers"][0]["metadata"]
    assert lag["topic"] == settings.stream.topic
    assert lag["consumerGroup"] == settings.kafka.group_id


def test_the_rules_are_those_of_prometheus_to_the_letter() -> None:
    rule = one(rendered("postgresql"), "PrometheusRule")
    alerts = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())
    assert rule["spec"] == alerts


def test_a_gpu_is_asked_for_and_used() -> None:
    (agent,) = pod_of(rendered("gpu"), "StatefulSet")["containers"]
    assert agent["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert {"name": "DRIFTGAUGE_MODEL__DEVICE", "value": "cuda"} in agent["env"]


def test_only_the_pages_are_reached_and_only_what_is_named_is() -> None:
    (rule,) = one(rendered(), "NetworkPolicy")["spec"]["ingress"]
    assert rule["ports"] == [{"port": "driftgauge", "protocol": "TCP"}]
    spec = one(rendered("postgresql"), "NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert len(spec["egress"]) == 4


def test_the_pages_are_reached_by_whom_one_names_and_by_nobody_else() -> None:
    objects = rendered("pages")
    _, pages = pod_of(objects, "StatefulSet")["containers"]
    assert pages["args"] == [
        "serve",
        "--host=0.0.0.0",
        f"--port={pages['ports'][0]['containerPort']}",
    ]
    _, allowed = one(objects, "NetworkPolicy")["spec"]["ingress"]
    assert allowed["from"] == [{"podSelector": {"matchLabels": {"app": "oauth2-proxy"}}}]
    (alone,) = one(rendered(sets=("pages.enabled=true",)), "NetworkPolicy")["spec"]["ingress"]
    assert alone["ports"][0]["port"] == "driftgauge"


def test_the_first_detector_is_fitted_before_an_agent_starts() -> None:
    objects = rendered("first-fit")
    assert one(objects, "StatefulSet")["spec"]["replicas"] == 0
    fit, agent = pod_of(objects, "Job"), pod_of(objects, "StatefulSet")
    assert fit["containers"][0]["args"] == ["fit", "--images", "/reference"]
    assert fit["containers"][0]["env"] == agent["containers"][0]["env"]
    assert fit["volumes"] == agent["volumes"]


@pytest.mark.parametrize(
    ("sets", "told"),
    [
        (("replicas=2",), "SQLite serves one agent"),
        (("keda.enabled=true",), "SQLite serves one agent"),
        (("store.kind=postgresql",), "existingSecret"),
        (("store.existingSecret=a",), "set store.kind to postgresql"),
        (("mode=sidecar",), "each pod of the model would count for itself"),
        (
            ("store.kind=postgresql", "store.existingSecret=a", "replicas=2"),
            "must be ReadWriteMany",
        ),
        (("replica=2",), "replica"),
        (("port=80",), "'/port': minimum"),
        (("image.digest=latest",), "sha256"),
    ],
)
def test_values_that_cannot_work_are_refused_with_the_reason(
    sets: tuple[str, ...], told: str
) -> None:
    with pytest.raises(AssertionError, match=told):
        rendered(sets=sets)


def test_a_models_chart_gets_the_sidecar(
    model_chart: Path, conforms: Callable[[Objects], None]
) -> None:
    objects = rendered(chart=model_chart)
    conforms(objects)
    pod = pod_of(objects, "Deployment")
    model, agent = pod["containers"]
    assert (model["name"], agent["name"]) == ("model", "driftgauge")
    assert {mount["name"] for mount in agent["volumeMounts"]} <= {v["name"] for v in pod["volumes"]}
    names = {each["metadata"]["name"] for each in objects if each["kind"] == "ConfigMap"}
    assert {v["configMap"]["name"] for v in pod["volumes"] if "configMap" in v} == names
    assert one(objects, "PodMonitor")["spec"]["selector"]["matchLabels"] == {"app": "my-model"}


def test_a_sidecar_does_not_decide_whether_the_model_gets_requests(model_chart: Path) -> None:
    objects = rendered(chart=model_chart)
    pod = pod_of(objects, "Deployment")
    agent = pod["containers"][1]
    assert not {"startupProbe", "livenessProbe", "readinessProbe"} & agent.keys()
    assert "initContainers" not in pod
    assert agent["args"] == [(CHART / "files" / "sidecar.sh").read_text()]
    migrate = pod_of(objects, "Job")["containers"][0]
    assert migrate["args"] == ["db", "upgrade"]

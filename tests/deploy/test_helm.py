"""The chart of deploy/helm, linted and rendered by Helm itself."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from portal.settings import CELERY_TASK_QUEUES
from tests.deploy.files import DEPLOY, documents

pytestmark = pytest.mark.helm
CHART: Final = DEPLOY / "helm" / "passerelle"
SECRETS: Final = {"SECRET_KEY", "GATEWAY_ADMIN_KEY", "PLAYGROUND_KEY_SECRET", "DATABASE_URL", "EMAIL_URL"}
Json = dict[str, Any]


def rendered(values: Json | None = None) -> list[Json]:
    """Return the objects of a release."""
    import helm_python

    with helm_python.Chart.load(CHART) as chart:
        texts = chart.render(values or {}, name="passerelle", namespace="portal")
    return [found for name, text in texts.items() if name.endswith(".yaml") for found in documents(text)]


def pods(values: Json | None = None) -> Iterator[tuple[str, Json]]:
    for found in rendered(values):
        if "template" in found["spec"]:
            yield found["metadata"]["name"], found["spec"]["template"]["spec"]


def test_helm_finds_nothing_wrong() -> None:
    import helm_python

    seen = helm_python.lint(CHART, strict=True)

    assert seen["errors"] == []
    assert [message["error"] for message in seen["messages"]] == ["icon is recommended"]


def test_refuses_values_that_do_harm() -> None:
    import helm_python

    refused: list[Json] = [
        {"web": {"replicas": 0}},
        {"image": {"tag": "latest"}},
        {"portal": {"url": "http://portal.example.edu"}},
        *(
            {"portal": {"settings": {name: "in clear"}}}
            for name in ("SECRET_KEY", "OIDC_CLIENT_SECRET", "METRICS_TOKEN")
        ),
        {"workers": {"other": {"replicas": 1, "queues": ["unknown"], "concurrency": 1}}},
        {"unknown": 1},
    ]
    with helm_python.Chart.load(CHART) as chart:
        for values in refused:
            with pytest.raises(helm_python.HelmError):
                chart.validate_schema(values)


def test_no_pod_has_rights() -> None:
    found = dict(pods())

    assert set(found) == {f"passerelle-{name}" for name in ("web", "worker-tasks", "worker-polls", "beat", "migrate")}
    for pod in found.values():
        [container] = pod["containers"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"requests", "limits"} == set(container["resources"])
        assert not container["image"].endswith((":", ":latest"))


def test_secrets_come_by_name_only() -> None:
    for _, pod in pods():
        given = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
        assert SECRETS.isdisjoint(given)
        assert all(given[f"{name}_FILE"] == f"/run/secrets/passerelle/{name}" for name in SECRETS)


def test_settings_are_as_they_are_written() -> None:
    """Numbers of YAML are floats for Helm, which writes 2e+07."""
    settings = {"GATEWAY_READ_TIMEOUT_S": 2.5, "PLAYGROUND_PROMPT_CHARS": 20000000, "DEBUG": False, "CURRENCY": '<&"'}
    given = {
        each["name"]: each["value"]
        for _, pod in pods({"portal": {"settings": settings}})
        for each in pod["containers"][0]["env"]
    }

    assert {name: given[name] for name in settings} == {
        "GATEWAY_READ_TIMEOUT_S": "2.5",
        "PLAYGROUND_PROMPT_CHARS": "20000000",
        "DEBUG": "false",
        "CURRENCY": '<&"',
    }


def test_every_queue_has_a_worker_and_beat_is_one() -> None:
    deployments = {each["metadata"]["name"]: each["spec"] for each in rendered() if each["kind"] == "Deployment"}
    args = [spec["template"]["spec"]["containers"][0]["args"] for spec in deployments.values()]

    queues = ",".join(each[2] for each in args if each[0] == "worker").split(",")
    assert sorted(queues) == sorted(queue.name for queue in CELERY_TASK_QUEUES)
    beat = deployments["passerelle-beat"]
    assert (beat["replicas"], beat["strategy"]) == (1, {"type": "Recreate"})


def test_probes_are_those_of_the_portal() -> None:
    web = dict(pods())["passerelle-web"]
    [container] = web["containers"]

    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz/live"
    assert container["readinessProbe"]["httpGet"]["path"] == "/healthz/ready"
    given = {each["name"]: each["value"] for each in container["env"]}
    grace_s = int(given["WEB_LEAVING_S"]) + int(given["WEB_GRACE_S"])
    assert web["terminationGracePeriodSeconds"] > grace_s


def test_tables_are_made_before_the_programs_start() -> None:
    [job] = [each for each in rendered() if each["kind"] == "Job"]

    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    claims = [volume for volume in job["spec"]["template"]["spec"]["volumes"] if "persistentVolumeClaim" in volume]
    assert claims == []  # Helm makes them later


def test_nothing_but_the_ingress_controller_reaches_a_pod() -> None:
    [policy] = [each["spec"] for each in rendered() if each["kind"] == "NetworkPolicy"]
    [rule] = policy["ingress"]

    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}}]
    assert policy["policyTypes"] == ["Ingress"]
    limited = rendered({"networkPolicy": {"egress": [{"ports": [{"port": 443}]}]}})
    assert [each["spec"]["policyTypes"] for each in limited if each["kind"] == "NetworkPolicy"] == [
        ["Ingress", "Egress"]
    ]


def test_the_ingress_leads_to_the_path_of_the_portal_alone() -> None:
    for url, path in (("https://portal.example.edu", "/"), ("https://lab.example.edu/passerelle", "/passerelle")):
        [ingress] = [each["spec"] for each in rendered({"portal": {"url": url}}) if each["kind"] == "Ingress"]
        assert [each["path"] for each in ingress["rules"][0]["http"]["paths"]] == [path]


def test_each_object_is_there_once() -> None:
    names = [(each["kind"], each["metadata"]["name"]) for each in rendered()]

    assert len(names) == len(set(names))
    kinds = {"Deployment", "Service", "Ingress", "PodDisruptionBudget", "NetworkPolicy", "PersistentVolumeClaim", "Job"}
    assert {kind for kind, _ in names} == kinds


def test_a_single_web_pod_does_not_keep_a_node_from_being_drained() -> None:
    kinds = [each["kind"] for each in rendered({"web": {"replicas": 1}})]

    assert "PodDisruptionBudget" not in kinds
    assert {"Service", "Ingress"} <= set(kinds)

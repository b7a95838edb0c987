"""Apps that can't work, each in its own way: what the user is told. The rows go to .longshore/reasons.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster, Obj, condition, is_observed
from tests.e2e.objects import MISSING_IMAGE, TINY, web_app

REPORT = Path(__file__).parents[2] / ".longshore" / "reasons.md"


@dataclass(frozen=True)
class Case:
    """An app, and what must be said of it."""

    what: str
    app: Obj
    reason: str
    says: tuple[str, ...]
    exit_code: int | None = None
    last_words: str | None = None


def _secret_key(name: str, key: str) -> list[Obj]:
    return [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}]


CASES = {
    case.app["metadata"]["name"]: case
    for case in (
        Case(
            "the process ends with exit code 3",
            web_app("crash", tag="broken"),
            "CrashLooping",
            ("exit code 3", "kubectl logs"),
            exit_code=3,
            last_words="cannot open the database: connection refused",
        ),
        Case(
            "the process takes more memory than its limit",
            web_app("oom", args=["oom"], resources={**TINY, "limits": {"memory": "64Mi"}}),
            "OOMKilled",
            ("64Mi", "exit code 137", "Raise size or resources.limits.memory"),
            exit_code=137,
        ),
        Case(
            "no registry has the image",
            web_app("no-image", image=MISSING_IMAGE),
            "ImagePullFailed",
            (MISSING_IMAGE, "Check the name and tag"),
        ),
        Case(
            "a Secret lacks the key",
            web_app("no-key", env=_secret_key("settings", "password")),
            "ConfigMissing",
            ("key password is missing in Secret settings",),
        ),
        Case(
            "a Secret does not exist",
            web_app("no-secret", env=_secret_key("nowhere", "password")),
            "ConfigMissing",
            ("Secret nowhere does not exist",),
        ),
        Case(
            "the image runs as root",
            web_app("root", tag="root"),
            "RunsAsRoot",
            ("runs as root", "security.runAsUser"),
        ),
        Case(
            "no node has so much cpu",
            web_app("huge", resources={"requests": {"cpu": "64", "memory": "32Mi"}}),
            "Unschedulable",
            ("Insufficient cpu", "Ask for less"),
        ),
        Case(
            "the health check is answered with 503",
            web_app("ill", env=[{"name": "UNHEALTHY", "value": "yes"}]),
            "ProbeFailing",
            ("503", "Check port and health"),
        ),
        Case(
            "the command does not exist",
            web_app("no-command", command=["/no-such-program"]),
            "CannotStart",
            ("/no-such-program", "Check command and image"),
            exit_code=128,
        ),
        Case(
            "a PersistentVolumeClaim does not exist",
            web_app(
                "no-claim",
                volumes=[
                    {
                        "name": "data",
                        "mountPath": "/data",
                        "persistentVolumeClaim": {"claimName": "nowhere"},
                    }
                ],
            ),
            "ConfigMissing",
            ("PersistentVolumeClaim nowhere does not exist",),
        ),
        Case(
            "the namespace's quota is used up",
            web_app("too-much", resources={"requests": {"cpu": "10m", "memory": "5Gi"}}),
            "QuotaExceeded",
            ("quota",),
        ),
        Case(
            "the namespace admits restricted pods only",
            web_app("baseline", tag="root", security={"profile": "Baseline"}),
            "PodRefused",
            ("Pod Security", "security.profile Restricted"),
        ),
        Case(
            "somebody else's Service has the name",
            web_app("taken"),
            "NameConflict",
            ("taken",),
        ),
        Case(
            "the service account is not offered to apps",
            web_app("borrowed", serviceAccountName="default"),
            "ServiceAccountNotAllowed",
            ("kubectl label serviceaccount", "longshore.dev/allow=true"),
        ),
    )
}


@pytest.fixture(scope="module")
def broken_apps(shared_namespace: Cluster) -> Iterator[Cluster]:
    """Every app is applied at once: the slow ones fail side by side."""
    shared_namespace.kubectl("create", "secret", "generic", "settings", "--from-literal=user=shop")
    shared_namespace.kubectl("create", "service", "clusterip", "taken", "--tcp=80")
    shared_namespace.kubectl("create", "quota", "memory", "--hard=requests.memory=4Gi")
    shared_namespace.apply(*(case.app for case in CASES.values()))
    rows: dict[str, str] = {}
    yield shared_namespace
    for name, case in CASES.items():
        app = shared_namespace.get("WebApp", name)
        if app is not None:
            ready = condition(app, "Ready")
            rows[name] = f"| {case.what} | {ready['reason']} | {ready['message']} |"
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(
        "\n".join(["| what is wrong | reason | message |", "|---|---|---|", *rows.values(), ""])
    )


@pytest.mark.parametrize("name", CASES)
def test_the_reason_and_the_remedy_are_told(broken_apps: Cluster, name: str) -> None:
    case = CASES[name]
    app = broken_apps.wait(
        "WebApp",
        name,
        lambda app: (
            is_observed(app)
            and condition(app, "Ready")["reason"] == case.reason
            and all(part in condition(app, "Ready")["message"] for part in case.says)
        ),
        f"is not ready for {case.reason}: {', '.join(case.says)}",
        seconds=90,
    )
    assert condition(app, "Ready")["status"] == "False"
    failure = app["status"].get("failure", {})
    assert failure.get("exitCode") == case.exit_code
    assert failure.get("lastWords") == case.last_words

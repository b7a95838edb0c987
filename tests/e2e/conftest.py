"""A cluster with Longshore installed, a namespace per test, and what to show when a test fails."""

from __future__ import annotations

import re
import secrets
from collections.abc import Generator, Iterator

import pytest

from hack.install import install
from tests.e2e.cluster import OPERATOR_NAMESPACE, Cluster
from tests.e2e.waiting import wait_for

LAST = "test_upgrade_and_uninstall"
MARK = "longshore.test=e2e"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Uninstalling comes last."""
    items.sort(key=lambda item: LAST in item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and (cluster := _used(item)) is not None:
        report.sections.append(("what the cluster says", _story(cluster)))
    return report


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster, with the operator's image of this checkout and the chart installed."""
    whole = Cluster(install())
    whole.kubectl("delete", "namespace", f"--selector={MARK}", "--wait=true", "--timeout=120s")
    yield whole
    whole.kubectl("delete", "namespace", f"--selector={MARK}", "--wait=false")


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A namespace of its own for one test, where only restricted pods are let in."""
    yield from fresh_namespace(cluster, request.node.name)


@pytest.fixture(scope="module")
def shared_namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """One namespace for the tests of a module that look at objects made once."""
    yield from fresh_namespace(cluster, request.module.__name__.rsplit(".", 1)[-1])


def fresh_namespace(cluster: Cluster, name: str, pod_security: str = "restricted") -> Iterator[Cluster]:
    short = re.sub(r"[^a-z0-9]+", "-", name.removeprefix("test_").lower())[:40].strip("-")
    full = f"{short}-{secrets.token_hex(2)}"
    labels = {MARK.split("=")[0]: MARK.split("=")[1], "pod-security.kubernetes.io/enforce": pod_security}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": full, "labels": labels}})
    inside = cluster.in_namespace(full)
    wait_for(
        lambda: inside.get("ServiceAccount", "default"), bool, f"namespace {full} has its default account", 30
    )
    try:
        yield inside
    finally:
        cluster.kubectl("delete", "namespace", full, "--wait=false")


def _used(item: pytest.Item) -> Cluster | None:
    arguments = getattr(item, "funcargs", {})
    return next(
        (arguments[name] for name in ("namespace", "shared_namespace", "cluster") if name in arguments), None
    )


def _story(cluster: Cluster) -> str:
    parts = [
        cluster.kubectl("get", "webapps,batchjobs,deployments,jobs,pods", "--output=wide", check=False),
        cluster.kubectl("get", "webapps,batchjobs", "--output=yaml", check=False)[-12000:],
        cluster.kubectl("get", "events", "--sort-by=.lastTimestamp", check=False)[-4000:],
        cluster.in_namespace(OPERATOR_NAMESPACE).kubectl(
            "logs", "--selector=app.kubernetes.io/name=longshore", "--tail=60", check=False
        ),
    ]
    return "\n\n".join(parts)

"""One API server for the tier, a namespace for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.cluster.apiserver import ApiServer
from tests.apiserver.kube import Kube, load_crds, wait
from tests.apiserver.operator import OperatorProcess

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def server() -> Iterator[ApiServer]:
    with ApiServer() as running:
        load_crds(Kube(running), ROOT / "crds")
        yield running


@pytest.fixture
def kube(server: ApiServer, request: pytest.FixtureRequest) -> Kube:
    """A namespace of the test's own, whose default account is there."""
    name = f"t-{abs(hash(request.node.nodeid)) % 10**12:x}"
    Kube(server).create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    found = Kube(server, name)
    wait(lambda: found.find("ServiceAccount", "default"), "the default account")
    return found


@pytest.fixture(scope="session")
def shared_operator(server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    with OperatorProcess(Kube(server), tmp_path_factory.mktemp("operator"), lease_name="shared") as running:
        wait(lambda: running.readiness()[1].get("role") == "leader", "the operator leads")
        yield running


@pytest.fixture
def operator(shared_operator: OperatorProcess) -> OperatorProcess:
    """The operator that most tests share; whoever needs one of their own starts it on a server of their own."""
    return shared_operator


@pytest.fixture(scope="session")
def server_only(server: ApiServer) -> Kube:
    """A namespace for tests that need no operator."""
    Kube(server).create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "admission"}})
    return Kube(server, "admission")

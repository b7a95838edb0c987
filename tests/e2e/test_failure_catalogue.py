"""Every way to go wrong that docs/troubleshooting.md lists is made to happen, and what is told of it is what stands there.

To write the tables anew: LONGSHORE_UPDATE_CATALOGUE=1 with this file, then review the difference.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

import pytest

from tests.e2e.catalogue import batch, page, web
from tests.e2e.catalogue.row import CLUSTER_SCOPED, Row, Told
from tests.e2e.cluster import Cluster, Obj
from tests.e2e.conftest import fresh_namespace

UPDATE = bool(os.environ.get("LONGSHORE_UPDATE_CATALOGUE"))
CATALOGUES = {"apps": web.ROWS, "jobs": batch.ROWS}
ROWS = {row.name: row for rows in CATALOGUES.values() for row in rows}
AT_ONCE = 20


@pytest.fixture(scope="module")
def told(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Told]]]:
    """What was told, row by row. They run side by side, those with nodes of their own after the others."""
    chosen = {
        item.callspec.params["name"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec") and item.module is request.module
    }
    known = page.documented()
    cluster.list("Node")  # what the API server has is discovered once, before there are threads
    running: dict[str, Future[Told]] = {}
    # The slowest first.
    rows = sorted((ROWS[name] for name in chosen), key=lambda row: -row.seconds)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for row in rows:
            if not row.nodes:
                running[row.name] = pool.submit(_happen, row, cluster, known)
        others = tuple(running.values())
        for row in rows:
            if row.nodes:
                running[row.name] = pool.submit(_after, others, row, cluster, known)
        yield running
    if UPDATE:
        seen = {ROWS[name].title: each.result() for name, each in running.items() if not each.exception()}
        page.write(CATALOGUES, seen)


@pytest.mark.parametrize("name", sorted(ROWS, key=lambda name: ROWS[name].seconds))
def test_what_is_told_is_what_is_documented(told: dict[str, Future[Told]], name: str) -> None:
    said = told[name].result()
    assert said.reason == ROWS[name].reason


def test_every_row_is_documented_once_and_nothing_else() -> None:
    titles = [row.title for row in ROWS.values()]
    assert len(set(titles)) == len(titles)
    assert len(ROWS) == sum(map(len, CATALOGUES.values()))
    if not UPDATE:
        assert set(titles) <= page.documented().keys()


def _after(others: tuple[Future[Told], ...], row: Row, cluster: Cluster, known: dict[str, Told]) -> Told:
    wait(others)
    return _happen(row, cluster, known)


def _happen(row: Row, cluster: Cluster, known: dict[str, Told]) -> Told:
    """Makes it happen and waits until it is told; then does what is said to help."""
    documented = None if UPDATE else known.get(row.title)
    assert documented is not None or UPDATE, f"docs/troubleshooting.md has no row {row.title!r}"
    for namespace in fresh_namespace(cluster, f"test_{row.name}", row.pod_security):
        objects = row.applied(namespace.namespace)
        try:
            for step in row.steps:
                step(namespace)
            if objects:
                namespace.apply(*objects)
            if row.then is not None:
                row.then(namespace)
            said = row.wait(namespace, documented)
            if row.cure is not None:
                row.cure(namespace)
            return said
        finally:
            _remove(namespace, objects)
    raise AssertionError("a namespace is yielded once")


def _remove(namespace: Cluster, objects: list[Obj]) -> None:
    for each in reversed(objects):
        if each["kind"] in CLUSTER_SCOPED:
            namespace.delete(each["kind"], each["metadata"]["name"], "--ignore-not-found", "--wait=false")

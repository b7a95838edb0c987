"""Who manages which fields of an object that was created, and is applied from then on."""

from __future__ import annotations

from typing import Any

from longshore.cluster.ownership import as_applied, replacement

Obj = dict[str, Any]


def entry(manager: str, operation: str, fields: Obj, **more: str) -> Obj:
    return {"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields} | more


LABELS: Obj = {"f:metadata": {"f:labels": {".": {}, "f:team": {}}}}
PORTS: Obj = {"f:spec": {"f:ports": {".": {}, 'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}}}}}


def test_what_was_created_counts_as_applied() -> None:
    theirs = entry("kubectl", "Update", LABELS)
    assert as_applied([entry("us", "Update", PORTS), theirs], "us") == [
        theirs,
        entry("us", "Apply", PORTS),
    ]


def test_what_was_applied_and_what_was_updated_become_one() -> None:
    before = [entry("us", "Apply", LABELS), entry("us", "Update", PORTS | {"f:metadata": {"f:name": {}}})]
    fields = PORTS | {"f:metadata": {"f:labels": {".": {}, "f:team": {}}, "f:name": {}}}
    after = as_applied(before, "us")
    assert after == [entry("us", "Apply", fields)]
    assert as_applied(after, "us") is None


def test_a_status_that_was_updated_and_what_others_did_stay() -> None:
    status = entry("us", "Update", {"f:status": {}}, subresource="status")
    assert as_applied([status, entry("kubectl", "Update", LABELS)], "us") is None
    assert as_applied([], "us") is None


def test_what_was_applied_before_and_is_wanted_no_more_is_gone_from_the_replacement() -> None:
    live = {
        "metadata": {"labels": {"team": "shop", "theirs": "yes"}},
        "spec": {"ports": [{"port": 80, "protocol": "TCP"}], "clusterIP": "10.0.0.1"},
    }
    ports = [{"port": 81, "protocol": "TCP"}]
    desired: Obj = {"metadata": {"labels": {"tier": "web"}}, "spec": {"ports": ports}}
    after = replacement(live, desired, LABELS | PORTS)
    assert after["metadata"]["labels"] == {"theirs": "yes", "tier": "web"}
    assert after["spec"] == {"ports": ports, "clusterIP": "10.0.0.1"}

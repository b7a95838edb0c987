"""Who has a host when several apps claim it."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from longshore.webapp.claims import Claim, Claimant, above, claims, index, looked_up, settle, told

Obj = dict[str, Any]


def app(
    name: str,
    *hosts: str,
    namespace: str = "prod",
    age: int = 0,
    path: str = "/",
    held: bool | list[str] = False,
) -> Obj:
    """An app that is so old; with `held` it holds what it claims, or just that."""
    created = f"2026-03-01T12:00:{59 - age:02d}Z"
    made: Obj = {
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": created},
        "spec": {"expose": {"hosts": list(hosts), "path": path}},
    }
    if held:
        made["status"] = {"claims": held if isinstance(held, list) else sorted(map(str, claims(made)))}
    return made


def outcome(mine: Obj, *others: Obj) -> tuple[list[str], list[str]]:
    granted, conflicts = settle(Claimant.of(mine), claims(mine), list(map(Claimant.of, others)))
    return sorted(map(str, granted)), sorted(
        f"{each.claim}: {each.other.namespace}/{each.other.name}" for each in conflicts
    )


HOST = "shop.example.com"
MINE, THEIRS = ([HOST], []), ([], [f"{HOST}: prod/b"])
CASES: dict[str, tuple[Obj, Obj, tuple[list[str], list[str]]]] = {
    "neither holds it: the older": (app("a", HOST, age=9), app("b", HOST, age=1), MINE),
    "neither holds it: not the younger": (app("a", HOST, age=1), app("b", HOST, age=9), THEIRS),
    "of the same age: by name": (app("c", HOST), app("b", HOST), THEIRS),
    "who holds it keeps it": (app("a", HOST, age=1, held=True), app("b", HOST, age=9), MINE),
    "an app of long ago takes nothing": (app("a", HOST, age=9), app("b", HOST, age=1, held=True), THEIRS),
    "both hold it: the older": (app("a", HOST, age=9, held=True), app("b", HOST, age=1, held=True), MINE),
    "another path in the namespace": (app("a", HOST, path="/a"), app("b", HOST, age=9, held=True), ([f"{HOST}/a"], [])),
    "another path of another namespace": (
        app("a", HOST, path="/a", namespace="evil"), app("b", HOST, age=9, held=True),
        ([], [f"{HOST}/a: prod/b"]),
    ),
    "a slash at the end is no other path": (app("a", HOST, path="/a/"), app("b", HOST, path="/a", age=9), ([], [f"{HOST}/a: prod/b"])),
    "below another namespace's wildcard": (app("a", HOST, namespace="evil"), app("b", "*.example.com", age=9, held=True), THEIRS),
    "below a wildcard that an older app of another namespace wants": (app("a", HOST, namespace="x"), app("b", "*.example.com", age=9), THEIRS),
    "below a wildcard that came later": (app("a", HOST, namespace="x", held=True), app("b", "*.example.com", age=9, held=True), MINE),
    "below one's own namespace's wildcard": (app("a", HOST), app("b", "*.example.com", age=9, held=True), MINE),
    "beside a sibling's path, of which another is jealous": (app("a", HOST, path="/a"), app("b", HOST, namespace="evil", age=9), ([], [f"{HOST}/a: evil/b"])),
    "above another namespace's host": (app("a", "*.example.com", namespace="x"), app("b", HOST, age=9, held=True), (["*.example.com"], [])),
    "what another gives up is its own until that is done": (app("a", HOST), app("b", "x.example.com", held=[HOST]), THEIRS),
}  # fmt: skip


@pytest.mark.parametrize("what", CASES)
def test_a_host_has_one_owner(what: str) -> None:
    mine, other, expected = CASES[what]
    assert outcome(mine, other) == expected


@pytest.mark.parametrize("what", CASES)
def test_never_do_two_get_the_same(what: str) -> None:
    one, other, _ = CASES[what]
    assert not set(outcome(one, other)[0]) & set(outcome(other, one)[0])


@pytest.mark.parametrize("what", CASES)
def test_who_stands_in_the_way_is_found_and_wakes_the_other_when_it_goes(what: str) -> None:
    one, other, (_, conflicts) = CASES[what]
    if conflicts:
        assert looked_up(claims(one)) & set(index(other))
        assert {each.partition("|")[0] for each in told(other)} & set(index(one))


def test_the_free_hosts_of_an_app_are_its_own() -> None:
    mine = app("a", HOST, "free.example.com")
    assert outcome(mine, app("b", HOST, age=9)) == (["free.example.com"], [f"{HOST}: prod/b"])


JEALOUS = {
    "of the host": (app("evil", HOST, namespace="evil", age=9), app("b", HOST, path="/b", held=True)),
    "of the host, below our wildcard": (app("evil", HOST, namespace="evil", age=9), app("b", "*.example.com", held=True)),
    "of a wildcard that is ours": (app("evil", "*.example.com", namespace="evil", age=9), app("b", "*.example.com", held=True)),
    "of a wildcard below ours": (app("evil", "*.a.example.com", namespace="evil", age=9), app("b", "*.example.com", held=True)),
}  # fmt: skip


@pytest.mark.parametrize("what", JEALOUS)
def test_who_is_refused_a_host_is_not_in_the_way_of_the_namespace_that_has_it(what: str) -> None:
    evil, ours = JEALOUS[what]
    host = "x.a.example.com" if what == "of a wildcard below ours" else HOST
    assert outcome(evil, ours)[0] == []
    assert outcome(app("new", host, path="/new"), evil, ours) == ([f"{host}/new"], [])


def test_who_has_no_gateway_for_a_host_keeps_nobody_from_it() -> None:
    squatter = app("evil", "*.com", namespace="evil", age=9)
    squatter["status"] = {"conditions": [{"type": "Exposed", "status": "False", "reason": "GatewayMissing"}]}
    assert outcome(app("a", HOST), squatter) == ([HOST], [])
    squatter["status"]["claims"] = ["*.com"]
    assert outcome(app("a", HOST), squatter)[0] == []


hosts = st.sampled_from(["a.b.test", "*.b.test", "*.test", "c.test"])
apps = st.lists(
    st.tuples(st.sampled_from("xyz"), st.sets(hosts, min_size=1, max_size=2), st.sampled_from(["/", "/p"]), st.integers(0, 3)),
    min_size=2, max_size=6,
)  # fmt: skip


@given(apps, st.randoms(use_true_random=False))
def test_in_whatever_order_apps_are_looked_at_each_host_gets_one_namespace_and_nobody_starves(
    drawn: list[tuple[str, set[str], str, int]], rng: Random
) -> None:
    found = [
        app(f"app{number}", *sorted(wanted), namespace=namespace, path=path, age=age)
        for number, (namespace, wanted, path, age) in enumerate(drawn)
    ]
    for _ in range(8):
        before = [each.get("status") for each in found]
        for each in rng.sample(found, len(found)):
            others = [Claimant.of(other) for other in found if other is not each]
            granted, _conflicts = settle(Claimant.of(each), claims(each), others)
            each["status"] = {"claims": [str(one) for one in granted]}
        if before == [each.get("status") for each in found]:
            break
    else:
        raise AssertionError("it never comes to rest")
    owners: dict[str, set[str]] = {}
    for each in map(Claimant.of, found):
        for one in each.held:
            owners.setdefault(one.host, set()).add(each.namespace)
    assert all(len(namespaces) == 1 for namespaces in owners.values())
    for each in map(Claimant.of, found):
        for one in each.wanted - each.held:
            above_it = {owner for host in above(one.host) for owner in owners.get(host, ())}
            assert one.host in owners or above_it - {each.namespace}


def test_wildcards_above_a_host() -> None:
    assert list(above("a.b.example.com")) == ["*.b.example.com", "*.example.com", "*.com"]
    assert list(above("*.example.com")) == ["*.com"]


def test_a_listener_is_claimed_by_protocol_tcp() -> None:
    mine = app("a")
    mine["spec"] = {"protocol": "TCP", "expose": {"gateway": {"name": "g", "sectionName": "db"}}}
    assert claims(mine) == {Claim("tcp:prod/g/db")}
    assert Claimant.of(mine | {"status": {"claims": ["tcp:prod/g/db"]}}).held == claims(mine)

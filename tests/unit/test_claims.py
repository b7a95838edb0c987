"""Who has a host when several apps claim it."""

from __future__ import annotations

from typing import Any

import pytest
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
    "below a wildcard that came later": (app("a", HOST, namespace="x", held=True), app("b", "*.example.com", age=9, held=True), MINE),
    "below one's own namespace's wildcard": (app("a", HOST), app("b", "*.example.com", age=9, held=True), MINE),
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


def test_wildcards_above_a_host() -> None:
    assert list(above("a.b.example.com")) == ["*.b.example.com", "*.example.com", "*.com"]
    assert list(above("*.example.com")) == ["*.com"]


def test_a_listener_is_claimed_by_protocol_tcp() -> None:
    mine = app("a")
    mine["spec"] = {"protocol": "TCP", "expose": {"gateway": {"name": "g", "sectionName": "db"}}}
    assert claims(mine) == {Claim("tcp:prod/g/db")}
    assert Claimant.of(mine | {"status": {"claims": ["tcp:prod/g/db"]}}).held == claims(mine)

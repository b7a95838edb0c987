"""What a cache holds, and what counts as a difference."""

from __future__ import annotations

from typing import Any

import pytest
from longshore.cluster.diff import differences
from longshore.cluster.store import Store

Obj = dict[str, Any]


def obj(name: str, version: int, uid: str = "u1", **labels: str) -> Obj:
    return {
        "metadata": {
            "namespace": "prod",
            "name": name,
            "uid": uid,
            "resourceVersion": str(version),
            "labels": labels,
        }
    }


def test_an_older_version_never_replaces_a_newer_one() -> None:
    store = Store()
    assert store.put(obj("a", 5))
    assert not store.put(obj("a", 4))
    assert not store.put(obj("a", 5))
    assert store.get("prod", "a") == obj("a", 5)


def test_another_object_of_the_same_name_replaces_the_old_one() -> None:
    store = Store()
    store.put(obj("a", 5))
    assert store.put(obj("a", 9, uid="u2"))


def test_what_was_deleted_does_not_come_back_by_a_late_reply() -> None:
    store = Store()
    store.put(obj("a", 5))
    assert store.remove(obj("a", 7))
    assert not store.put(obj("a", 6))
    assert store.get("prod", "a") is None


def test_what_left_the_selector_comes_back_when_it_is_newer() -> None:
    store = Store()
    store.put(obj("a", 5))
    store.remove(obj("a", 7))
    assert store.put(obj("a", 8))


def test_the_sweep_finds_what_was_deleted_unseen_and_spares_our_newer_writes() -> None:
    store = Store()
    for name, version in (("kept", 1), ("gone", 2), ("written-since", 20)):
        store.put(obj(name, version, uid=name))
    gone = store.sweep([("prod", "kept")], version=10)
    assert [each["metadata"]["name"] for each in gone] == ["gone"]
    assert len(store) == 2


def test_the_index_follows_changes() -> None:
    store = Store(lambda each: each["metadata"]["labels"].values())
    store.put(obj("a", 1, team="red"))
    store.put(obj("a", 2, team="blue"))
    assert store.by_index("red") == []
    assert [each["metadata"]["name"] for each in store.by_index("blue")] == ["a"]


def test_an_object_may_be_listed_twice_under_one_value() -> None:
    store = Store(lambda each: ["x", "x"])
    store.put(obj("a", 1))
    store.put(obj("a", 2))
    assert store.names_by_index("x") == [("prod", "a")]


def test_what_is_held_is_counted_by_its_state() -> None:
    store = Store(tally=lambda each: each["metadata"]["labels"]["state"])
    store.put(obj("a", 1, state="running"))
    store.put(obj("b", 1, uid="u2", state="running"))
    store.put(obj("a", 2, state="done"))
    store.remove(obj("b", 3, uid="u2"))
    assert +store.counts == {"done": 1}


def test_who_changes_what_was_read_changes_nothing_that_is_held() -> None:
    store = Store()
    store.put(obj("a", 1))
    read = store.get("prod", "a")
    assert read is not None
    read["metadata"]["labels"]["mine"] = "yes"
    assert store.get("prod", "a") == obj("a", 1)


CASES: list[tuple[str, Obj, Obj, list[str]]] = [
    ("the same", {"a": 1}, {"a": 1}, []),
    ("what others added", {"a": 1}, {"a": 1, "b": 2}, []),
    ("another value", {"a": {"b": 1}}, {"a": {"b": 2}}, [".a.b"]),
    ("a missing value", {"a": False}, {}, [".a"]),
    ("an empty value that the server left out", {"value": ""}, {}, []),
    ("the same quantity, written otherwise", {"limits": {"cpu": "1000m", "memory": "1Gi"}}, {"limits": {"cpu": "1", "memory": "1024Mi"}}, []),
    ("another quantity", {"limits": {"cpu": "1"}}, {"limits": {"cpu": "2"}}, [".limits.cpu"]),
    ("an injected sidecar", {"containers": [{"name": "app"}]}, {"containers": [{"name": "proxy"}, {"name": "app"}]}, []),
    ("a changed container", {"containers": [{"name": "app", "image": "a"}]}, {"containers": [{"name": "app", "image": "b"}]}, [".containers[app].image"]),
    ("a missing variable", {"env": [{"name": "A", "value": "1"}]}, {"env": []}, [".env[A]"]),
    ("a list that counts as a whole", {"args": ["a"]}, {"args": ["a", "b"]}, [".args"]),
    ("a selector that somebody narrowed", {"selector": {"app": "a"}}, {"selector": {"app": "a", "b": "c"}}, [".selector"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "desired", "live", "paths"), CASES, ids=[case[0].replace(" ", "-") for case in CASES]
)
def test_what_counts_as_a_difference(what: str, desired: Obj, live: Obj, paths: list[str]) -> None:
    assert list(differences(desired, live)) == paths


def test_listeners_hear_of_each_change_with_what_was_there_before_whoever_wrote_it() -> None:
    told: list[tuple[str, str]] = []

    def version(each: Obj | None) -> str:
        return each["metadata"]["resourceVersion"] if each else "none"

    store = Store()
    store.listeners.append(lambda before, now: told.append((version(before), version(now))))
    for each in (obj("a", 1), obj("a", 1), obj("a", 2), obj("a", 3, "u2")):
        store.put(each)
    store.remove(obj("a", 4, "u2"))
    assert told == [("none", "1"), ("1", "2"), ("2", "none"), ("none", "3"), ("4", "none")]

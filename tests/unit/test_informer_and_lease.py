"""Caches and leader election against the edge of an API server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from longshore.cluster.client import ApiError
from longshore.cluster.informer import Informer, Watch
from longshore.cluster.lease import LeaderElection, Timing
from longshore.cluster.resources import PODS
from longshore.cluster.store import Store

from tests.unit.fake_api import FakeApi, serving

Obj = dict[str, Any]


def pod(name: str, version: int) -> Obj:
    return {
        "metadata": {
            "namespace": "prod",
            "name": name,
            "uid": name,
            "resourceVersion": str(version),
            "managedFields": [1],
        }
    }


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.01)


def names(store: Store) -> list[str]:
    return sorted(name for _, name in store.names())


def informed(api: FakeApi, expected: list[str]) -> tuple[list[str], list[str]]:
    """Runs an informer until the store holds these names; returns the names it told of, and the requests."""
    told: list[str] = []

    async def run() -> None:
        async with serving(api) as client:
            store = Store()
            informer = Informer(client, Watch(PODS), store, lambda obj: told.append(obj["metadata"]["name"]))
            task = asyncio.create_task(informer.run())
            await until(lambda: informer.synced.is_set() and names(store) == expected and not api.streams)
            held = [store.get(*name) or {} for name in store.names()]
            assert all("managedFields" not in each["metadata"] for each in held)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    return told, api.requests


def test_it_lists_then_follows_the_events() -> None:
    api = FakeApi()
    api.items = [pod("a", 1), pod("b", 1)]
    api.streams = [[{"type": "ADDED", "object": pod("c", 2)}, {"type": "DELETED", "object": pod("a", 3)}]]
    told, requests = informed(api, ["b", "c"])
    assert told == ["a", "b", "c", "a"]
    assert requests[:2] == ["GET /api/v1/pods", "GET /api/v1/pods?watch"]


@pytest.mark.parametrize("expired", [410, "in the stream"])
def test_after_an_expiry_it_lists_again_and_finds_what_was_deleted_unseen(expired: object) -> None:
    api = FakeApi()
    api.items, api.version = [pod("a", 1), pod("b", 1)], 5
    error = {"type": "ERROR", "object": {"code": 410, "reason": "Expired", "message": "too old"}}
    api.streams = [410] if expired == 410 else [[error]]
    handle = api.handle

    async def losing(request: Any) -> Any:
        if "watch" in request.query:
            api.items = api.items[:1]
        return await handle(request)

    api.handle = losing  # type: ignore[method-assign]
    told, requests = informed(api, ["a"])
    assert told == ["a", "b", "b"]
    assert requests.count("GET /api/v1/pods") == 2


ERROR = {"type": "ERROR", "object": {"code": 500, "reason": "InternalError", "message": "etcd is unwell"}}


def pauses(streams: list[list[Obj] | int], seconds_per_look: float) -> tuple[list[float], float]:
    """How long an informer waits after each of the streams, and how long it was without an answer at the end; its
    clock moves on by so many seconds each time that it looks."""
    api, now, found, silent = FakeApi(), iter(range(10**6)), list[float](), list[float]()
    api.streams, count = list(streams), len(streams)

    async def sleep(seconds: float) -> None:
        found.append(seconds)
        silent.append(informers[0].silent_seconds())

    informers: list[Informer] = []

    async def run() -> None:
        async with serving(api) as client:
            informer = Informer(
                client,
                Watch(PODS),
                Store(),
                lambda obj: None,
                None,
                lambda: next(now) * seconds_per_look,
                sleep,
            )
            task = asyncio.create_task(informer.run())
            informers.append(informer)
            await until(lambda: len(found) == count)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    return found, silent[-1]


def test_streams_that_fail_at_once_are_tried_ever_more_seldom() -> None:
    waited, _ = pauses([[ERROR]] * 8, seconds_per_look=0)
    assert all(
        limit / 2 <= each <= limit for limit, each in zip((0.5, 1, 2, 4, 8, 10, 10, 10), waited, strict=True)
    )


def test_errors_of_streams_that_had_lasted_do_not_add_up() -> None:
    waited, _ = pauses([[ERROR]] * 8, seconds_per_look=60)
    assert all(each <= 0.5 for each in waited)


def test_while_watches_are_refused_the_cache_is_silent_and_an_open_stream_ends_that() -> None:
    refused = [500] * 6
    assert pauses([*refused], seconds_per_look=60)[1] >= 5 * 60
    assert pauses([*refused, [ERROR]], seconds_per_look=60)[1] <= 2 * 60


def test_a_refusal_says_after_how_long_to_try_again() -> None:
    api = FakeApi()
    api.answers = [(429, {"reason": "TooManyRequests", "message": "slow down"}, {"Retry-After": "7"})]

    async def run() -> ApiError:
        async with serving(api) as client:
            with pytest.raises(ApiError) as refused:
                await client.get(PODS, "prod", "a")
            return refused.value

    refused = asyncio.run(run())
    assert (refused.status, refused.retry_after, refused.message) == (429, 7.0, "slow down")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


TIMING = Timing(duration=15, renew_deadline=10, retry_period=2)


def test_one_leads_until_it_cannot_renew_and_only_then_another() -> None:
    api, clock = FakeApi(), Clock()

    async def run() -> None:
        async with serving(api) as client:
            first, second = (
                LeaderElection(client, "sys", "lease", name, TIMING, clock) for name in ("one", "two")
            )
            await first._try()
            await second._try()
            assert (first.is_leader(), second.is_leader()) == (True, False)
            clock.now = 9.9
            assert first.is_leader()
            clock.now = 10
            assert not first.is_leader()
            await second._try()
            assert not second.is_leader()
            clock.now = 15
            await second._try()
            assert (first.is_leader(), second.is_leader()) == (False, True)
            await first._try()
            assert not first.is_leader()
            assert api.objects["lease"]["spec"]["leaseTransitions"] == 1

    asyncio.run(run())


def test_a_lapse_in_the_middle_of_a_renewal_is_a_new_beginning() -> None:
    api, clock, begun = FakeApi(), Clock(), list[float]()

    async def run() -> None:
        async with serving(api) as client:
            only = LeaderElection(
                client, "sys", "lease", "one", TIMING, clock, lambda: begun.append(clock.now)
            )
            for clock.now in (0.0, 9.0, 20.0, 29.0):
                await only._try()
            assert begun == [0.0, 20.0], "what came while it didn't lead has to be looked at"

    asyncio.run(run())


def test_a_lease_that_is_given_back_is_free_at_once() -> None:
    api, clock = FakeApi(), Clock()

    async def run() -> None:
        async with serving(api) as client:
            first, second = (
                LeaderElection(client, "sys", "lease", name, TIMING, clock) for name in ("one", "two")
            )
            task = asyncio.create_task(first.run())
            await until(first.is_leader)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert not first.is_leader()
            await second._try()
            assert second.is_leader()

    asyncio.run(run())

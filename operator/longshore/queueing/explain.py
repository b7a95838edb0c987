"""Why a request waits: one sentence for each, with figures that don't change whenever another is admitted.

Places in the line are exact for the first two and rounded up behind; only whoever is first in its share is
told of capacity, limits and other shares. So an admission changes what is told of a few requests, whatever
the length of the line.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator

from longshore.queueing.admission import Admission
from longshore.queueing.eligibility import shortage
from longshore.queueing.line import Head, Line
from longshore.queueing.model import Queue, Request, Wait

PLACES = (1, 2, 5, 10, 20, 50, 100, 1000, 10_000, 100_000, 1_000_000)
Told = Callable[[str], int | None]
TOLD_OF_CLOSING = 100
"""So many of each share are told that their queue is stopped."""


def coarse(place: int) -> int:
    """The place in the line, from 1, rounded up to one of PLACES."""
    return PLACES[min(bisect_left(PLACES, place), len(PLACES) - 1)]


def explain(admission: Admission, uid: str) -> Wait:
    """Why the request waits, after the last round. It has to be there."""
    request = admission.waiting(uid)
    assert request is not None, "only what waits is explained"
    line = admission.lines[request.queue]
    if (wait := line.barred(uid)) is not None:
        return wait
    assert line.queue is not None, "requests of a queue that doesn't exist are barred"
    if line.is_outside(uid):
        return Wait(
            "QueueFull",
            f"queue {line.name} has its maximum of {line.queue.max_waiting} jobs in line, all of them older: it gets into"
            " the line as that shortens",
        )
    place = line.place_of(request)
    return _in_line(request, place, line, line.queue)


def _in_line(request: Request, place: int, line: Line, queue: Queue) -> Wait:
    position = coarse(place + 1)
    if queue.state == "Stopped" and place < TOLD_OF_CLOSING:
        return Wait(
            "QueueClosed",
            f"queue {queue.name} is stopped and starts no jobs: wait until its state is Open, or use another queue",
            position,
        )
    if place:
        return _behind(request, position, line)
    if queue.max_running is not None and line.running >= queue.max_running:
        return Wait(
            "MaxRunningJobs",
            f"queue {queue.name} runs its maximum of {queue.max_running} job{'' if queue.max_running == 1 else 's'}:"
            " it is next in its line when one of them ends",
            position,
        )
    if line.head is not None and line.head.uid == request.uid:
        return _no_room(request, line.head, position)
    first = line.share_in_turn()
    if first is not None and first != line.share_of(request.share):
        return Wait(
            "ShareExhausted",
            f"share {request.share or 'without a name'} has used more of queue {queue.name}, in relation to its weight, than"
            f" share {first or 'without a name'}, which goes first",
            position,
        )
    return Wait("InLine", f"it is next in queue {queue.name}", position)


def _behind(request: Request, position: int, line: Line) -> Wait:
    first = line.at(line.share_of(request.share), 0)
    ahead = f"among the first {position} of" if position > 2 else "second in"
    where = f"{ahead} queue {line.name}{f', share {request.share}' if line.share_of(request.share) else ''}"
    if line.ahead_by_priority(request):
        assert first is not None, "somebody is ahead"
        return Wait(
            "BehindHigherPriority",
            f"it is {where}: jobs of a higher priority go first, the next is {_named(first, request)} with priority {first.priority}",
            position,
        )
    return Wait("InLine", f"it is {where}: jobs that were submitted earlier go first", position)


def _named(other: Request, request: Request) -> str:
    """Names of other namespaces' jobs are none of the user's business."""
    return (
        f"job {other.name}"
        if other.shape.namespace == request.shape.namespace
        else "a job of another namespace"
    )


def _no_room(request: Request, head: Head, position: int) -> Wait:
    """Nobody of its queue is ahead: there is too little room, or others before it wait for the same."""
    for environment, free, whose in head.places:
        if whose is not None and request.need.fits(free):
            return Wait(
                "BehindHigherPriority",
                f"what is free in environment {environment.name} is kept for {_named(whose, request)} of queue {whose.queue}, which goes first",
                position,
            )
    lack = shortage(request.need, [(environment, free) for environment, free, _ in head.places])
    return Wait("NoCapacity", f"{lack}: it is next, and what becomes free is kept for it", position)


def misplaced(line: Line, told: Told) -> Iterator[str]:
    """Requests whose place has become another than they were `told`, by uid, and the first of each share.

    What is looked at are the borders between PLACES, in both directions as far as places are wrong.
    """
    for share, requests in line.shares.items():
        if (first := line.at(share, 0)) is not None:
            yield first.uid
        for border, wanted, next_wanted in zip((0, *PLACES), PLACES, (*PLACES[1:], PLACES[-1]), strict=False):
            if wanted > len(requests) and border >= len(requests):
                break
            yield from _wrong(
                line, share, range(min(wanted, len(requests)) - 1, border - 1, -1), wanted, told
            )
            yield from _wrong(line, share, range(wanted, min(next_wanted, len(requests))), next_wanted, told)


def _wrong(line: Line, share: str, places: range, wanted: int, told: Told) -> Iterator[str]:
    for place in places:
        request = line.at(share, place)
        if request is None or told(request.uid) == wanted:
            return
        yield request.uid

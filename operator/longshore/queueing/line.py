"""What waits in one queue, kept sorted: each share's line by priority and age, shares by what they have used.

Finding who is next, taking one in and taking one out cost a logarithm of what waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sortedcontainers import SortedList

from longshore.queueing.amounts import UNLIMITED, Amounts
from longshore.queueing.eligibility import bar, suitable
from longshore.queueing.model import NO_SHARE, Environment, Order, Queue, Request, Shape, Wait
from longshore.queueing.usage import Usage

IN_LINE = object()
Standing = tuple[float, str]
"""What a share has used in relation to its weight, and its name."""


@dataclass(frozen=True, slots=True)
class Head:
    """The request that is next and for which there is no room: room is kept for it in `places`."""

    uid: str
    places: tuple[tuple[Environment, Amounts, Request | None], ...]
    """Each environment that it may get into, what was free there, and for whom room is kept before it."""


class Line:
    """The requests of one queue. `environments` is shared with whoever changes them."""

    def __init__(self, name: str, environments: Mapping[str, Environment]) -> None:
        self.name = name
        self.queue: Queue | None = None
        self._environments = environments
        self.shares: dict[str, SortedList[Order]] = {}
        self.idle: SortedList[Standing] = SortedList()
        """Shares that wait and run nothing: their order doesn't change with time."""
        self.busy: set[str] = set()
        """Shares that wait and run something."""
        self.usage: dict[str, Usage] = {}
        self.running = 0
        self.head: Head | None = None
        self.turn: str | None = None
        """The request that room is kept for: its share goes first until it is admitted, however shares stand meanwhile."""
        self.changed: set[str] = set()
        """Requests that have come into the line or out of it otherwise than by being asked for."""
        self._inside: dict[str, Request] = {}
        self._outside: dict[str, Request] = {}
        self._barred: dict[str, tuple[Request, Wait]] = {}
        self._ages: SortedList[tuple[float, str]] = SortedList()
        self._ages_inside: SortedList[tuple[float, str]] = SortedList()
        self._ages_outside: SortedList[tuple[float, str]] = SortedList()
        self._places: dict[Shape, tuple[Environment, ...]] = {}
        self._least = Amounts(UNLIMITED, UNLIMITED, UNLIMITED)

    def __len__(self) -> int:
        """All that wait, also those that can't be admitted as things are."""
        return len(self._ages)

    @property
    def in_line(self) -> int:
        return len(self._inside)

    def oldest(self) -> float | None:
        """When the oldest was submitted, in seconds since 1970."""
        return self._ages[0][0] if self._ages else None

    def get(self, uid: str) -> Request | None:
        found = self._inside.get(uid) or self._outside.get(uid)
        return found or (self._barred[uid][0] if uid in self._barred else None)

    def barred(self, uid: str) -> Wait | None:
        return self._barred[uid][1] if uid in self._barred else None

    def is_outside(self, uid: str) -> bool:
        return uid in self._outside

    def requests(self) -> Iterator[Request]:
        yield from self._inside.values()
        yield from self._outside.values()
        yield from (request for request, _ in self._barred.values())

    def share_of(self, share: str) -> str:
        return share if self.queue is not None and self.queue.half_life_seconds is not None else NO_SHARE

    def add(self, request: Request) -> None:
        """Takes the request in; it must not be here yet."""
        self._ages.add((request.submitted, request.uid))
        wait = bar(request, self.queue, self._environments)
        if wait is not None:
            self._barred[request.uid] = (request, wait)
        else:
            self._admit_to_line(request)

    def remove(self, uid: str) -> Request | None:
        """Takes the request out; None if it isn't here."""
        request = self.get(uid)
        if request is None:
            return None
        self._ages.remove((request.submitted, uid))
        if uid in self._inside:
            self._take_out(request)
            self._fill_up()
        elif uid in self._outside:
            self._ages_outside.remove((request.submitted, uid))
            del self._outside[uid]
        else:
            del self._barred[uid]
        return request

    def set_up(self, queue: Queue | None, rates: Mapping[str, float], now: float) -> None:
        """The queue is now like this, or gone; `rates` is what each share is using."""
        if self.queue is not None and (half_life := self.queue.half_life_seconds) is not None:
            past = {share: usage.until(now, half_life).past for share, usage in self.usage.items()}
        else:
            past = {}
        before, waiting = self._apart(), sorted(self.requests(), key=lambda each: (each.submitted, each.uid))
        self.queue = queue
        self._clear()
        self.usage = {share: Usage(used, now) for share, used in past.items()}
        for share, rate in rates.items():
            self.use(share, rate, now)
        for request in waiting:
            self.add(request)
        after = self._apart()
        self.changed |= {
            uid for uid in before.keys() | after.keys() if before.get(uid, IN_LINE) != after.get(uid, IN_LINE)
        }

    def reconsider(self) -> None:
        """An environment has changed: who can be admitted at all may have become another."""
        before, self._places = self._places, {}
        same = self.queue is not None and all(
            [each.name for each in self.places(shape)] == [each.name for each in found]
            for shape, found in before.items()
        )
        for request in [request for request, _ in self._barred.values()] if same else list(self.requests()):
            if bar(request, self.queue, self._environments) != self.barred(request.uid):
                self.remove(request.uid)
                self.add(request)
                self.changed.add(request.uid)

    def places(self, shape: Shape) -> tuple[Environment, ...]:
        """Environments that requests of this shape may get into."""
        found = self._places.get(shape)
        if found is None:
            assert self.queue is not None, "only a queue that exists has places"
            found = self._places[shape] = suitable(shape, self.queue, self._environments)
        return found

    def least_fits(self, free: Iterable[Amounts]) -> bool:
        """Whether any request could find room; True also in doubt."""
        return any(self._least.fits(each) for each in free)

    def use(self, share: str, rate: float, now: float) -> None:
        """The share uses so much more from now on, or less."""
        share = self.share_of(share)
        half_life = self.queue.half_life_seconds if self.queue is not None else None
        before = self.usage.get(share, Usage(at=now))
        if share in self.shares:
            self._unrank(share)
        self.usage[share] = before.changed(rate, now, half_life or 1.0)
        if share in self.shares:
            self._rank(share)

    def remember(self, share: str, rate: float, began: float, ended: float, now: float) -> None:
        """The share has used so much in a time that is over."""
        if self.queue is None or (half_life := self.queue.half_life_seconds) is None:
            return
        then = Usage(at=began, rate=rate).until(ended, half_life)
        self.recall(share, Usage(then.past, then.at), now)

    def recall(self, share: str, usage: Usage, now: float) -> None:
        """Adds what the share has used in times that are over."""
        if self.queue is None or (half_life := self.queue.half_life_seconds) is None:
            return
        share, faded = self.share_of(share), usage.until(now, half_life).past
        held = self.usage.get(share, Usage(at=now)).until(now, half_life)
        if share in self.shares:
            self._unrank(share)
        self.usage[share] = Usage(held.past + faded, held.at, held.rate)
        if share in self.shares:
            self._rank(share)

    def standing(self, share: str, now: float) -> float:
        if self.queue is None or self.queue.half_life_seconds is None:
            return 0.0
        usage, half_life = self.usage.get(share, Usage()), self.queue.half_life_seconds
        return usage.standing(self.queue.weight_of(share), now, half_life)

    def place_of(self, request: Request) -> int:
        """How many of its share are ahead of it."""
        return int(self.shares[self.share_of(request.share)].index(request.order))

    def ahead_by_priority(self, request: Request) -> int:
        """How many of its share have a higher priority."""
        line = self.shares[self.share_of(request.share)]
        return int(line.bisect_left((-request.priority,)))

    def share_in_turn(self) -> str | None:
        """The share of the request that room is kept for."""
        return self.share_of(self._inside[self.turn].share) if self.turn is not None else None

    def at(self, share: str, place: int) -> Request | None:
        line = self.shares.get(share, ())
        return self._inside[line[place].uid] if place < len(line) else None

    def _clear(self) -> None:
        self.shares, self.idle, self.busy = {}, SortedList(), set()
        self.head = self.turn = None
        self._inside, self._outside, self._barred = {}, {}, {}
        self._ages, self._ages_inside, self._ages_outside = SortedList(), SortedList(), SortedList()
        self._places = {}
        self._least = Amounts(UNLIMITED, UNLIMITED, UNLIMITED)

    def _apart(self) -> dict[str, Wait | None]:
        """Requests that aren't in line: why they are barred, or None for those outside."""
        return {uid: wait for uid, (_, wait) in self._barred.items()} | dict.fromkeys(self._outside)

    def _admit_to_line(self, request: Request) -> None:
        """The oldest up to the queue's maximum are in line, the others outside."""
        age, most = (request.submitted, request.uid), self.queue.max_waiting if self.queue else None
        if most is not None and len(self._inside) >= most:
            youngest = self._ages_inside[-1]
            if age > youngest:
                self._put_outside(request)
                return
            last = self._inside[youngest[1]]
            self._take_out(last)
            self._put_outside(last)
            self.changed.add(last.uid)
        self._put_in(request)

    def _fill_up(self) -> None:
        most = self.queue.max_waiting if self.queue else None
        if self._outside and (most is None or len(self._inside) < most):
            _, uid = self._ages_outside.pop(0)
            self._put_in(self._outside.pop(uid))
            self.changed.add(uid)

    def _put_outside(self, request: Request) -> None:
        self._outside[request.uid] = request
        self._ages_outside.add((request.submitted, request.uid))

    def _put_in(self, request: Request) -> None:
        self._inside[request.uid] = request
        self._ages_inside.add((request.submitted, request.uid))
        share = self.share_of(request.share)
        if share not in self.shares:
            self.shares[share] = SortedList()
            self._rank(share)
        self.shares[share].add(request.order)
        pairs = zip(self._least, request.need, strict=True)
        self._least = Amounts(*(min(one, other) for one, other in pairs))

    def _take_out(self, request: Request) -> None:
        del self._inside[request.uid]
        self._ages_inside.remove((request.submitted, request.uid))
        share = self.share_of(request.share)
        self.shares[share].remove(request.order)
        if not self.shares[share]:
            self._unrank(share)
            del self.shares[share]
        if self.head is not None and self.head.uid == request.uid:
            self.head = None
        if self.turn == request.uid:
            self.turn = None

    def _rank(self, share: str) -> None:
        usage = self.usage.get(share)
        if usage is not None and usage.rate:
            self.busy.add(share)
        else:
            self.idle.add((self.standing(share, usage.at if usage else 0.0), share))

    def _unrank(self, share: str) -> None:
        usage = self.usage.get(share)
        if usage is not None and usage.rate:
            self.busy.discard(share)
        else:
            self.idle.remove((self.standing(share, usage.at if usage else 0.0), share))

"""Who is admitted, and where: an index of all queues that is kept up to date, and decides like a plain model.

The order is by the queue's priority, then by shares (the one that has used least in relation to its weight),
then by the job's priority, then by the time of submission. Queues of one priority take turns by the age of
whoever is next in each. The first of a queue for which there is no room is its head: its whole need is kept
free in each environment that it may get into, so that nobody behind it, in its own queue or in those after,
delays it. Behind the head, unless the queue has no backfill, those are admitted who find room beside what is
kept: the search ends after SHARE_DEPTH of one share, and after DEPTH in all.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

from longshore.queueing.amounts import Amounts
from longshore.queueing.line import Head, Line, Standing
from longshore.queueing.model import Claim, Environment, Grant, Queue, Request
from longshore.queueing.usage import part_of

DEPTH, SHARE_DEPTH = 500, 100


class Admission:
    """All queues and environments, what waits and what is taken. Moments are seconds since 1970, and come from outside."""

    def __init__(self, depth: int = DEPTH, share_depth: int = SHARE_DEPTH) -> None:
        self.environments: dict[str, Environment] = {}
        self.lines: dict[str, Line] = {}
        self.claims: dict[str, Claim] = {}
        self._depth, self._share_depth = depth, share_depth
        self._where: dict[str, str] = {}
        """Request → its queue."""
        self._used: dict[str, Amounts] = {}
        self._jobs: dict[str, int] = {}
        self._rates: dict[str, float] = {}

    def set_queue(self, queue: Queue, now: float) -> None:
        """The queue is new, or has changed."""
        line = self.line(queue.name)
        if line.queue != queue:
            line.set_up(queue, self._rates_of(queue.name), now)

    def drop_queue(self, name: str, now: float) -> None:
        """The queue is gone; what it runs goes on."""
        self.line(name).set_up(None, self._rates_of(name), now)
        self._forget_empty(name)

    def set_environment(self, environment: Environment) -> bool:
        """The environment is new, or has changed; False if it was just so."""
        if self.environments.get(environment.name) == environment:
            return False
        self.environments[environment.name] = environment
        self._reconsider(environment.name)
        return True

    def drop_environment(self, name: str) -> bool:
        """The environment is gone; False if there was none."""
        if self.environments.pop(name, None) is None:
            return False
        self._reconsider(name)
        return True

    def ask(self, request: Request) -> None:
        """The request waits, in place of what it was before, if it was there."""
        held = self.waiting(request.uid)
        if held == request:
            return
        self.withdraw(request.uid)
        self._where[request.uid] = request.queue
        self.line(request.queue).add(request)

    def withdraw(self, uid: str) -> None:
        """The request waits no more."""
        if (queue := self._where.pop(uid, None)) is not None:
            self.lines[queue].remove(uid)
            self._forget_empty(queue)

    def waiting(self, uid: str) -> Request | None:
        queue = self._where.get(uid)
        return self.lines[queue].get(uid) if queue is not None else None

    def occupy(self, claim: Claim, now: float) -> None:
        """The room is taken. Whoever takes it waits no more."""
        self.withdraw(claim.uid)
        if self.claims.get(claim.uid) == claim:
            return
        self.release(claim.uid, now)
        self.claims[claim.uid] = claim
        capacity = (
            self.environments[claim.environment].capacity if claim.environment in self.environments else None
        )
        rate = part_of(claim.need, capacity) if capacity else 0.0
        self._rates[claim.uid] = rate
        self._take(claim.environment, claim.need, 1)
        line = self.line(claim.queue)
        line.running += 1
        line.use(claim.share, rate, now)

    def release(self, uid: str, now: float) -> Claim | None:
        """The room is free again; None if none was taken."""
        claim = self.claims.pop(uid, None)
        if claim is not None:
            self._take(claim.environment, Amounts().minus(claim.need), -1)
            line = self.line(claim.queue)
            line.running -= 1
            line.use(claim.share, -self._rates.pop(uid), now)
            self._forget_empty(claim.queue)
        return claim

    def remember(self, claim: Claim, began: float, ended: float, now: float) -> None:
        """What was used by a job of before counts, as far as it hasn't faded."""
        line, environment = self.line(claim.queue), self.environments.get(claim.environment)
        if environment is not None:
            line.remember(claim.share, part_of(claim.need, environment.capacity), began, ended, now)

    def used(self, environment: str) -> Amounts:
        return self._used.get(environment, Amounts())

    def jobs(self, environment: str) -> int:
        return self._jobs.get(environment, 0)

    def free(self, environment: Environment) -> Amounts:
        """What is left; below zero where more is taken than there is, after the environment has shrunk."""
        return environment.capacity.minus(self.used(environment.name))

    def line(self, queue: str) -> Line:
        if queue not in self.lines:
            self.lines[queue] = Line(queue, self.environments)
        return self.lines[queue]

    def round(self, now: float) -> list[Grant]:
        """Admits whoever can be admitted, in order; their room is taken from then on."""
        kept = Kept()
        grants: list[Grant] = []
        turns: list[tuple[int, float, str, Turn]] = []
        for line in self.lines.values():
            line.head = None
            if line.queue is not None and line.queue.state != "Stopped" and line.in_line:
                self._push(turns, Turn(line, now, self._share_depth), kept)
        while turns:
            *_, turn = heapq.heappop(turns)
            request = turn.next()
            assert request is not None, "only a turn with a request is pushed"
            if (environment := self._room(request, turn.line, kept)) is not None:
                self.occupy(
                    Claim(request.uid, turn.line.name, request.share, environment.name, request.need), now
                )
                turn.admitted(request)
                grants.append(Grant(request, environment.name))
            else:
                if turn.line.head is None:
                    self._keep(request, turn.line, kept)
                turn.passed(request)
            self._push(turns, turn, kept)
        return grants

    def _push(self, turns: list[tuple[int, float, str, Turn]], turn: Turn, kept: Kept) -> None:
        """Puts the turn back for its next request, if it has one that may find room."""
        line, queue = turn.line, turn.line.queue
        assert queue is not None, "a queue that doesn't exist has no turn"
        if turn.looked_at >= self._depth or (
            queue.max_running is not None and line.running >= queue.max_running
        ):
            return
        if line.head is not None and not (queue.backfill and line.least_fits(self._beside(kept, queue))):
            return
        if (request := turn.next()) is not None:
            heapq.heappush(turns, (-queue.priority, request.submitted, line.name, turn))

    def _room(self, request: Request, line: Line, kept: Kept) -> Environment | None:
        """The first environment with room beside what is kept for others."""
        for environment in line.places(request.shape):
            if request.need.fits(self.free(environment).minus(kept.of(environment.name))):
                return environment
        return None

    def _beside(self, kept: Kept, queue: Queue) -> Iterator[Amounts]:
        """What is free beside what is kept, in each environment of the queue."""
        for name in queue.environments:
            if (environment := self.environments.get(name)) is not None:
                yield self.free(environment).minus(kept.of(name))

    def _keep(self, request: Request, line: Line, kept: Kept) -> None:
        """The request becomes the head of its queue, and room is kept for it."""
        places = line.places(request.shape)
        line.turn = line.turn or request.uid
        line.head = Head(
            request.uid, tuple((each, self.free(each), kept.whose(each.name)) for each in places)
        )
        for environment in places:
            kept.add(environment.name, request)

    def _reconsider(self, environment: str) -> None:
        for line in self.lines.values():
            if line.queue is not None and environment in line.queue.environments:
                line.reconsider()

    def _take(self, environment: str, need: Amounts, jobs: int) -> None:
        self._used[environment] = self.used(environment).plus(need)
        self._jobs[environment] = self.jobs(environment) + jobs

    def _forget_empty(self, queue: str) -> None:
        """Names of queues that don't exist are whatever users write: nothing is kept of them."""
        line = self.lines.get(queue)
        if line is not None and line.queue is None and not line.running and not len(line):
            del self.lines[queue]

    def _rates_of(self, queue: str) -> dict[str, float]:
        rates: dict[str, float] = {}
        for claim in self.claims.values():
            if claim.queue == queue:
                rates[claim.share] = rates.get(claim.share, 0.0) + self._rates[claim.uid]
        return rates


@dataclass(slots=True)
class Kept:
    """Room that is kept for the heads of queues in this round."""

    _amounts: dict[str, Amounts] = field(default_factory=dict)
    _first: dict[str, Request] = field(default_factory=dict)

    def of(self, environment: str) -> Amounts:
        return self._amounts.get(environment, Amounts())

    def whose(self, environment: str) -> Request | None:
        """The first for whom room is kept there."""
        return self._first.get(environment)

    def add(self, environment: str, request: Request) -> None:
        self._amounts[environment] = self.of(environment).plus(request.need)
        self._first.setdefault(environment, request)


class Turn:
    """One queue's requests in their order, while some of them are taken out."""

    def __init__(self, line: Line, now: float, share_depth: int) -> None:
        self.line, self.looked_at = line, 0
        self._now, self._share_depth = now, share_depth
        self._place: dict[str, int] = {}
        """Share → how many of its requests found no room."""
        self._standing = {share: line.standing(share, now) for share in line.busy}
        self._open: list[Standing] = [(standing, share) for share, standing in self._standing.items()]
        heapq.heapify(self._open)
        self._last: Standing | None = None

    def __lt__(self, other: Turn) -> bool:
        return self.line.name < other.line.name

    def next(self) -> Request | None:
        """The next request that was not looked at in this round."""
        share = self._share()
        return self.line.at(share, self._place.get(share, 0)) if share is not None else None

    def passed(self, request: Request) -> None:
        """There is no room for it."""
        share = self.line.share_of(request.share)
        self._place[share] = self._place.get(share, 0) + 1
        self.looked_at += 1

    def admitted(self, request: Request) -> None:
        """It was taken out of the line, and its share stands differently now."""
        share = self.line.share_of(request.share)
        if share in self.line.shares:
            standing = self._standing[share] = self.line.standing(share, self._now)
            heapq.heappush(self._open, (standing, share))
        else:
            self._standing.pop(share, None)

    def _share(self) -> str | None:
        if self.line.head is None and (share := self.line.share_in_turn()) is not None:
            return share
        while True:
            self._open_idle()
            if not self._open:
                return None
            standing, share = self._open[0]
            if self._standing.get(share) == standing and self._left(share):
                return share
            heapq.heappop(self._open)

    def _left(self, share: str) -> bool:
        place = self._place.get(share, 0)
        return place < min(self._share_depth, len(self.line.shares.get(share, ())))

    def _open_idle(self) -> None:
        """Shares that run nothing are looked at only as far as they are next."""
        while (found := self._next_idle()) is not None and (not self._open or found < self._open[0]):
            self._last = found
            self._standing[found[1]] = found[0]
            heapq.heappush(self._open, found)

    def _next_idle(self) -> Standing | None:
        line, last = self.line.idle, self._last
        place = line.bisect_right(last) if last is not None else 0
        return line[place] if place < len(line) else None

"""What admission is to decide, written down as plainly as it can be said, and slowly: everything anew each time.

It shares the data types with the operator's own index, and none of its code.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from longshore.queueing.amounts import Amounts
from longshore.queueing.model import Claim, Environment, Queue, Request

LIFE = math.log(2)


@dataclass
class Run:
    """A job that takes, or took, a part of an environment."""

    claim: Claim
    part: float
    began: float
    ended: float | None = None


@dataclass
class Model:
    """Queues, environments, what waits and what has ever run."""

    depth: int
    share_depth: int
    queues: dict[str, Queue] = field(default_factory=dict)
    environments: dict[str, Environment] = field(default_factory=dict)
    waiting: dict[str, Request] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    turns: dict[str, str] = field(default_factory=dict)
    """Queue → the request that room has been kept for longest."""

    def running(self) -> list[Run]:
        return [run for run in self.runs if run.ended is None]

    def free(self, environment: str) -> Amounts:
        left = self.environments[environment].capacity
        for run in self.running():
            if run.claim.environment == environment:
                left = left.minus(run.claim.need)
        return left

    def in_line(self, queue: Queue) -> list[Request]:
        """The oldest of those that could ever be admitted, up to the queue's maximum."""
        able = [
            each for each in self.waiting.values() if each.queue == queue.name and self.may_wait(each, queue)
        ]
        able.sort(key=lambda each: (each.submitted, each.uid))
        return able[: queue.max_waiting]

    def may_wait(self, request: Request, queue: Queue) -> bool:
        late = (
            queue.state == "Draining"
            and queue.draining_since is not None
            and request.submitted > queue.draining_since
        )
        return not late and queue.admits(request.shape.namespace) and bool(self.places(request, queue))

    def places(self, request: Request, queue: Queue) -> list[str]:
        found = []
        for name in queue.environments:
            environment = self.environments.get(name)
            if environment is None or not environment.enabled or name in found:
                continue
            job, there = request.shape.nodes, environment.nodes
            if job.architecture and there.architecture and job.architecture != there.architecture:
                continue
            if all(need <= limit for need, limit in zip(request.need, environment.capacity, strict=True)):
                found.append(name)
        return found

    def standing(self, queue: Queue, share: str, now: float) -> float:
        half_life = queue.half_life_seconds
        if half_life is None:
            return 0.0
        used = 0.0
        for run in self.runs:
            if run.claim.queue != queue.name or run.claim.share != share:
                continue
            end = now if run.ended is None else run.ended
            fresh, faded = 0.5 ** ((now - end) / half_life), 0.5 ** ((now - run.began) / half_life)
            used += run.part * half_life / LIFE * (fresh - faded)
            if run.ended is None:
                used += run.part * half_life / LIFE
        return round(math.log2(used / queue.weight_of(share)), 6) if used > 1e-9 else -math.inf

    def end(self, uid: str, now: float) -> None:
        (run,) = [run for run in self.running() if run.claim.uid == uid]
        run.ended = now

    def forget_turns(self) -> None:
        """Who isn't in line any more gives the turn back."""
        for name, uid in list(self.turns.items()):
            if uid not in {each.uid for each in self.in_line(self.queues[name])}:
                del self.turns[name]

    def round(self, now: float) -> list[tuple[str, str]]:
        """Who is admitted, and where, in this order."""
        grants: list[tuple[str, str]] = []
        kept: defaultdict[str, Amounts] = defaultdict(Amounts)
        seen: dict[str, set[str]] = {name: set() for name in self.queues}
        heads: set[str] = set()
        while True:
            nexts = [
                (-queue.priority, request.submitted, queue.name, request)
                for queue in self.queues.values()
                if (request := self.next(queue, seen[queue.name], queue.name in heads, now)) is not None
            ]
            if not nexts:
                return grants
            *_, name, request = min(nexts, key=lambda each: each[:3])
            queue = self.queues[name]
            share = request.share if queue.half_life_seconds else ""
            for place in self.places(request, queue):
                room = self.free(place).minus(kept[place])
                if all(not need or need <= left for need, left in zip(request.need, room, strict=True)):
                    grants.append((request.uid, place))
                    del self.waiting[request.uid]
                    claim = Claim(request.uid, name, share, place, request.need)
                    limits = self.environments[place].capacity
                    part = max(
                        need / limit for need, limit in zip(request.need, limits, strict=True) if limit
                    )
                    self.runs.append(Run(claim, part, now))
                    if self.turns.get(name) == request.uid:
                        del self.turns[name]
                    break
            else:
                seen[name].add(request.uid)
                if name not in heads:
                    heads.add(name)
                    self.turns.setdefault(name, request.uid)
                    for place in self.places(request, queue):
                        kept[place] = kept[place].plus(request.need)

    def next(self, queue: Queue, seen: set[str], has_head: bool, now: float) -> Request | None:
        running = sum(run.claim.queue == queue.name for run in self.running())
        full = queue.max_running is not None and running >= queue.max_running
        strict = has_head and not queue.backfill
        if queue.state == "Stopped" or full or strict or len(seen) >= self.depth:
            return None
        shares: defaultdict[str, list[Request]] = defaultdict(list)
        for request in self.in_line(queue):
            shares[request.share if queue.half_life_seconds else ""].append(request)
        looked_at = Counter(share for share, line in shares.items() for each in line if each.uid in seen)
        order = sorted(shares, key=lambda share: (self.standing(queue, share, now), share))
        first = [
            share for share, line in shares.items() for each in line if each.uid == self.turns.get(queue.name)
        ]
        if first and not has_head:
            order = [*first, *order]
        for share in order:
            left = [each for each in shares[share] if each.uid not in seen]
            if left and looked_at[share] < self.share_depth:
                return min(
                    left,
                    key=lambda each: (
                        -each.priority,
                        each.submitted,
                        each.shape.namespace,
                        each.name,
                        each.uid,
                    ),
                )
        return None

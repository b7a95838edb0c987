"""What a batch job waits for before its first attempt: other BatchJobs, by name.

A dependency that was met stays met, also when its BatchJob is deleted when its time is over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from longshore.api.batchjob import Dependency
from longshore.workload.decision import Obj

CYCLE = "DependencyCycle"
NAMED = 5
"""So many BatchJobs are named in a sentence; the rest is counted."""
LONGEST_SEARCH = 10_000
"""So many BatchJobs are looked at in search of a cycle."""


@dataclass(frozen=True, slots=True)
class Dependencies:
    """How far the dependencies are. Without `waiting` and `failed` nothing hinders the job."""

    states: tuple[tuple[str, str], ...] = ()
    """Name and state of each, in their order."""
    waiting: tuple[str, str] | None = None
    """Reason and sentence: which ones are waited for."""
    failed: str | None = None
    """The sentence that says which ones failed."""

    def render(self) -> list[Obj]:
        return [{"name": name, "state": state} for name, state in self.states]


def judge(
    wanted: Sequence[Dependency], live: Mapping[str, Obj | None], before: Iterable[Obj], cycle: Sequence[str]
) -> Dependencies:
    """How far the dependencies are, given the BatchJobs by name, what the status said before, and the cycle
    that the job is part of, if it is."""
    said = {each["name"]: each["state"] for each in before}
    found = [
        (each, _state(each, live.get(each.name), said.get(each.name)))
        for each in wanted
        if each.name is not None
    ]
    states = tuple((each.name or "", state) for each, state in found)
    if failed := [each.name or "" for each, state in found if state == "Failed"]:
        reasons = [f"{name} ({_reason(live.get(name))})" for name in failed]
        message = (
            f"{_several(reasons)} failed, which this job depends on: mend that and create this job again,"
            " or depend on it with when: Completed"
        )
        return Dependencies(states, failed=message)
    if cycle:
        return Dependencies(states, waiting=(CYCLE, _circle(cycle)))
    if sentences := [sentence for sentence in _sentences(found) if sentence]:
        return Dependencies(states, waiting=("DependencyPending", "; ".join(sentences)))
    return Dependencies(states)


def _state(wanted: Dependency, live: Obj | None, before: str | None) -> str:
    if before == "Met":
        return before
    if live is None:
        return "Deleted" if before in ("Waiting", "Deleted") else "Missing"
    phase = (live.get("status") or {}).get("phase")
    if phase == "Succeeded" or (phase == "Failed" and wanted.when == "Completed"):
        return "Met"
    return "Failed" if phase == "Failed" else "Waiting"


def _sentences(found: Sequence[tuple[Dependency, str]]) -> Iterable[str]:
    def named(*states: str, when: str | None = None) -> list[str]:
        return [each.name or "" for each, state in found if state in states and when in (None, each.when)]

    if succeed := named("Waiting", when="Succeeded"):
        yield f"waits for {_several(succeed)} to succeed"
    if end := named("Waiting", when="Completed"):
        yield f"waits for {_several(end)} to end"
    if missing := named("Missing"):
        yield f"waits for {_several(missing)}, but there is no BatchJob of that name in this namespace: create it"
    if deleted := named("Deleted"):
        yield f"{_several(deleted)} was deleted while this job waited for it: create it again, or delete this one"


def _several(names: Sequence[str]) -> str:
    shown = list(names[:NAMED])
    if len(names) > NAMED:
        return f"{', '.join(shown)} and {len(names) - NAMED} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]


def _reason(live: Obj | None) -> str:
    return str(((live or {}).get("status") or {}).get("reason") or "Failed")


def _circle(cycle: Sequence[str]) -> str:
    shown = (
        [*cycle, cycle[0]] if len(cycle) <= 2 * NAMED else [*cycle[:NAMED], "…", *cycle[-NAMED:], cycle[0]]
    )
    return (
        f"these BatchJobs wait for each other in a circle, so that none can start: {' → '.join(shown)}."
        " Delete one and create it again without the dependency that closes the circle"
    )


def may_close_cycle(wanted: Sequence[Dependency], live: Mapping[str, Obj | None], status: Obj) -> bool:
    """Whether a cycle has to be looked for: something that waits itself has newly appeared, or says that it is in one.

    What a BatchJob depends on never changes, so a cycle is closed by the appearance of its last member.
    """
    if (status.get("waiting") or {}).get("reason") == CYCLE:
        return True
    seen = {each["name"] for each in status.get("dependencies", ()) if each["state"] == "Waiting"}
    for name in (each.name for each in wanted if each.name is not None):
        other = live.get(name)
        if other is None or not other.get("spec", {}).get("dependsOn"):
            continue
        if name not in seen or ((other.get("status") or {}).get("waiting") or {}).get("reason") == CYCLE:
            return True
    return False


def find_cycle(name: str, dependents: Callable[[str], Iterable[str]]) -> tuple[str, ...]:
    """The shortest cycle through this BatchJob, each member waiting for the next, beginning with the smallest name.

    `dependents` gives the names of those that wait for one. Empty when there is none.
    """
    waits_for: dict[str, str] = {}
    ahead = deque([name])
    while ahead and len(waits_for) < LONGEST_SEARCH:
        current = ahead.popleft()
        for each in dependents(current):
            if each == name:
                return _from_smallest(_path(name, current, waits_for))
            if each not in waits_for:
                waits_for[each] = current
                ahead.append(each)
    return ()


def _path(name: str, last: str, waits_for: Mapping[str, str]) -> list[str]:
    """From `name`, which waits for `last`, along what each waits for, back to before `name`."""
    path = [name]
    while last != name:
        path.append(last)
        last = waits_for[last]
    return path


def _from_smallest(path: list[str]) -> tuple[str, ...]:
    first = path.index(min(path))
    return (*path[first:], *path[:first])

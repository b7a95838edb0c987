"""Statistics over measured rows: medians with their range, ratios within one run, aims met or missed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.results import Row

Value = Callable[[Row], float]


@dataclass(frozen=True, slots=True)
class Spread:
    """The least, the median and the most of what the runs gave."""

    least: float
    middle: float
    most: float
    runs: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """
        Raises:
            ValueError: there are no values.
        """
        if not values:
            raise ValueError("nothing was measured")
        return cls(min(values), median(values), max(values), len(values))


@dataclass(frozen=True, slots=True)
class Aim:
    """What was to be reached, what was reached, and whether that will do. Reached None: it was not measured."""

    what: str
    limit: str
    reached: str | None
    met: bool


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so large a share (0 to 1) of all values doesn't exceed; nearest rank."""
    if not values:
        raise ValueError("nothing was measured")
    ordered = sorted(values)
    return ordered[min(max(int(share * len(ordered) + 0.999999) - 1, 0), len(ordered) - 1)]


def wall(row: Row) -> float:
    return row.wall_seconds


def cpu(row: Row) -> float:
    return row.cpu_seconds


def peak(row: Row) -> float:
    return row.peak_mib


def writes_per_object(row: Row) -> float:
    return row.writes / row.objects


def p50(row: Row) -> float:
    return percentile(row.latencies_ms, 0.50)


def p99(row: Row) -> float:
    return percentile(row.latencies_ms, 0.99)


def select(rows: Sequence[Row], contestant: str, size: int, step: str) -> list[Row]:
    return [row for row in rows if (row.contestant, row.size, row.step) == (contestant, size, step)]


def spread(rows: Sequence[Row], contestant: str, size: int, step: str, value: Value) -> Spread | None:
    """Over the runs; None if this was not measured."""
    found = select(rows, contestant, size, step)
    return Spread.of([value(row) for row in found]) if found else None


def ratio(
    rows: Sequence[Row], contestant: str, against: str, size: int, step: str, value: Value
) -> Spread | None:
    """One contestant to another, each run by itself, so that what slows a whole run down cancels out."""
    others = {row.run: value(row) for row in select(rows, against, size, step)}
    found = [
        value(row) / others[row.run]
        for row in select(rows, contestant, size, step)
        if others.get(row.run, 0.0) > 0
    ]
    return Spread.of(found) if found else None


STORMS = ("create", "ready", "update", "services", "submit", "run", "finish")
"""Steps in which as much is done as fast as possible."""


def aims(rows: Sequence[Row], size: int, scale_size: int) -> list[Aim]:
    """Each aim, against what was measured with `size` objects, and at scale with `scale_size`."""

    def against(other: str, step: str, value: Value, most: float, what: str) -> Aim:
        found = ratio(rows, "longshore", other, size, step, value)
        return _aim(what, f"at most {most:g}", found.middle if found else None, most)

    made = [against("raw", "create", wall, 1.25, "Wall time of create, to raw")]
    made += [against("go", step, wall, 1.0, f"Wall time of {step}, to go") for step in (*STORMS, "restart")]
    made += [
        against("go", step, writes_per_object, 1.0, f"Writes per object in {step}, to go") for step in STORMS
    ]
    made.append(against("go", "create", cpu, 3.0, "CPU of create, to go"))
    kopf_size = max((row.size for row in rows if row.contestant == "kopf"), default=size)
    kopf = ratio(rows, "kopf", "longshore", kopf_size, "create", cpu)
    made.append(
        Aim(
            f"CPU of create with {kopf_size:,} objects, kopf to Longshore",
            "at least 5",
            _text(kopf.middle if kopf else None),
            bool(kopf and kopf.middle >= 5),
        )
    )
    for step in ("restart", "idle"):
        found = spread(rows, "longshore", size, step, lambda row: float(row.writes))
        made.append(_aim(f"Writes of {step}", "none", found.most if found else None, 0))
    reaction = spread(rows, "longshore", size, "react", p99)
    made.append(_aim("Reaction, p99 in ms", "at most 50", reaction.middle if reaction else None, 50))
    for value, most, what in ((cpu, 3.0, "CPU of a restart"), (peak, 1.0, "Peak memory of a restart")):
        found = ratio(rows, "longshore", "go", scale_size, "restart", value)
        made.append(
            _aim(f"{what} at scale, to go", f"at most {most:g}", found.middle if found else None, most)
        )
    started = spread(rows, "longshore", scale_size, "full restart", wall)
    made.append(_aim("Start-up at scale, in s", "at most 60", started.middle if started else None, 60))
    return made


def _aim(what: str, limit: str, reached: float | None, most: float) -> Aim:
    return Aim(what, limit, _text(reached), reached is not None and reached <= most)


def _text(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"

"""The page docs/performance.md, from measured rows. Pure: the same rows give the same page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.figures import Aim, Spread, Value, aims, cpu, p50, p99, peak, ratio, select, spread, wall
from bench.figures import writes_per_object as writes
from bench.results import Row

ORDER = ("raw", "go", "longshore", "kopf", "go-defaults")
STEPS = {
    "create": "create: WebApps are submitted; until all children and the status exist",
    "ready": "ready: every Deployment says that its pods are up; until every WebApp is Ready",
    "update": "update: every image changes; until every Deployment holds the new one and the status says so",
    "services": "services: every Service is deleted; until each is back",
    "react": "react: one image at a time; CPU and requests of all of them",
    "restart": "restart: until the operator is ready and has settled",
    "idle": "idle: nothing happens",
    "submit": "submit: BatchJobs are submitted; until each has its Job and says so",
    "run": "run: every Job and pod runs; until every BatchJob says so",
    "finish": "finish: every Job is complete; until every BatchJob has succeeded",
}
_INTRODUCTION = """\
# Performance

Measured by `python -m bench`, and written by it. Absolute figures depend on the machine; what holds elsewhere are the
ratios, so contestants take turns within each run, each against a kube-apiserver and an etcd of its own on the same
machine, with the same CRDs. No other controller works: the driver plays the Deployment controller, the Job controller
and the kubelet.

- **raw** answers each event with the writes that a reconcile makes of it, 32 objects at once, and nothing else: no
  reads, no cache, no comparison. It is how fast the API server takes the writes.
- **go** is a small operator on controller-runtime: the same children by server-side apply, compared first, cached,
  16 reconciles at once and no limit on requests. It does none of what Longshore does beyond that, such as rollback,
  diagnosis, checks of names and owners before the first write, retries. It works from its cache without knowing its own
  writes, so that some of its writes are done twice.
- **longshore** is `python -m longshore run` with its defaults.
- **kopf** is an operator in the way of kopf's tutorial, with the typed client. It doesn't notice deleted children.
- **go-defaults** is *go* with client-go's 20 requests per second and one worker.

A step's time begins with the first request of the driver and ends when a watch has seen the last object as it should
be. CPU is the operator's, user and system, until it has settled. Each figure is the median of the runs, with the least
and the most behind it. Ratios are taken within a run, then their median.

`python -m bench` on a quiet machine gives all of it again, `--scale` the last part, `--quick` a glance in minutes; an
interrupted run is taken up again.
"""


def page(
    rows: Sequence[Row],
    sizes: Sequence[int],
    scale_size: int,
    plots: Sequence[str] = (),
    profile: Mapping[str, float] | None = None,
) -> str:
    """The whole page. `plots` are the names of SVG files beside it, `profile` shares of Longshore's CPU."""
    parts = [_INTRODUCTION, _measured(rows)]
    if rows:
        parts += ["## Aims", _aims(aims(rows, max(sizes), scale_size), max(sizes), scale_size)]
    parts += [f"![{name}](performance/{name}.svg)" for name in plots]
    for size in sizes:
        parts += [f"## {size:,} WebApps, {size:,} BatchJobs", *_steps(rows, size)]
    if any(row.size == scale_size for row in rows):
        parts += ["## Scale", _scale([row for row in rows if row.size == scale_size])]
    if profile:
        parts += ["## Where Longshore's CPU goes", _profile(profile)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join(
        f"| {' | '.join(cells)} |" for cells in [list(head), ["---"] * len(head), *map(list, lines)]
    )


def _measured(rows: Sequence[Row]) -> str:
    commits = ", ".join(sorted({row.commit for row in rows if row.contestant == "longshore"}))
    runs = max((row.run for row in rows), default=0)
    others = max((row.others_share for row in rows), default=0.0)
    disturbed = (
        f" The rest of the machine used up to {others:.1f} of a CPU meanwhile." if others > 0.1 else ""
    )
    return f"Runs: {runs}. Longshore at commit {commits}.{disturbed}"


def _aims(found: Sequence[Aim], size: int, scale_size: int) -> str:
    lines = [[each.what, each.limit, each.reached or "not measured", _verdict(each)] for each in found]
    note = f"With {size:,} objects; *at scale* is {scale_size:,} WebApps and five times as many finished BatchJobs."
    return f"{note}\n\n{table(['aim', 'limit', 'reached', ''], lines)}"


def _profile(profile: Mapping[str, float]) -> str:
    lines = [[part, f"{100 * share:.0f} %"] for part, share in profile.items()]
    note = "While it creates, by py-spy: the innermost frame that is known says what a sample is for."
    return f"{note}\n\n{table(['part', 'share'], lines)}"


def _verdict(aim: Aim) -> str:
    if aim.reached is None:
        return "open"
    return "met" if aim.met else "**missed**"


def _steps(rows: Sequence[Row], size: int) -> list[str]:
    present = [name for name in ORDER if any(row.contestant == name and row.size == size for row in rows)]
    made = []
    for step, what in STEPS.items():
        lines = [_line(rows, name, size, step) for name in present if select(rows, name, size, step)]
        if lines:
            head = [
                "",
                "wall s",
                "to raw",
                "to go",
                "CPU s",
                "to go",
                "peak MiB",
                "writes per object",
                "requests",
            ]
            latency = step == "react"
            head += ["p50 ms", "p99 ms"] if latency else []
            made.append(f"**{what}**\n\n{table(head, lines)}")
    return made


def _line(rows: Sequence[Row], name: str, size: int, step: str) -> list[str]:
    def shown(value: Value, digits: int = 2) -> str:
        return _spread(spread(rows, name, size, step, value), digits)

    def to(other: str, value: Value) -> str:
        found = ratio(rows, name, other, size, step, value)
        return "" if found is None or name == other else f"{found.middle:.2f}"

    cells = [
        name, shown(wall), to("raw", wall), to("go", wall), shown(cpu), to("go", cpu), shown(peak, 0),
        shown(writes), _requests(select(rows, name, size, step)),
    ]  # fmt: skip
    return cells + ([shown(p50, 1), shown(p99, 1)] if step == "react" else [])


def _spread(found: Spread | None, digits: int) -> str:
    if found is None:
        return ""
    middle = f"{found.middle:.{digits}f}"
    if found.runs == 1 or f"{found.least:.{digits}f}" == f"{found.most:.{digits}f}":
        return middle
    return f"{middle} ({found.least:.{digits}f} to {found.most:.{digits}f})"


def _requests(rows: Sequence[Row]) -> str:
    verbs: dict[str, int] = {}
    for name, count in rows[0].requests.items():
        verb = name.split()[0]
        verbs[verb] = verbs.get(verb, 0) + count
    return ", ".join(f"{count} {verb}" for verb, count in sorted(verbs.items()))


def _scale(rows: Sequence[Row]) -> str:
    lines = [
        [row.contestant, row.step, f"{row.objects:,}", f"{row.wall_seconds:.1f}", f"{row.cpu_seconds:.2f}",
         f"{1000 * row.cpu_seconds / row.objects:.2f}", f"{row.resident_mib:.0f}", f"{row.peak_mib:.0f}", str(row.writes)]
        for row in rows
    ]  # fmt: skip
    head = [
        "",
        "step",
        "objects",
        "wall s",
        "CPU s",
        "CPU ms per object",
        "resident MiB",
        "peak MiB",
        "writes",
    ]
    return f"{_memory(rows)}\n\n{table(head, lines)}"


def _memory(rows: Sequence[Row]) -> str:
    """What an object takes, from a start with all of them and one with none."""
    held = {(row.contestant, row.step): row for row in rows}
    told = []
    for name in ORDER:
        empty = held.get((name, "empty"))
        for step, what in (("restart", "WebApp"), ("full restart", "object, finished BatchJobs among them")):
            if empty and (full := held.get((name, step))):
                each = 1024 * (full.resident_mib - empty.resident_mib) / full.objects
                told.append(f"{name}: {each:.1f} KiB of memory per {what}, children included.")
    return " ".join(told)

"""Measures, and writes docs/performance.md: `python -m bench --help`."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from bench.contestants import CONTESTANTS, peers
from bench.driving import ROOT, Plan, measure, measured_commit, scale
from bench.report import page
from bench.results import Results
from hack.cluster.paths import say, step

PAGE = ROOT / "docs" / "performance.md"
SIZES, RUNS, IDLE_SECONDS = (500, 2000), 3, 60.0
STAGES, SCALE_JOBS = (100, 1000, 10_000), 50_000
QUICK_SIZES = (100,)
QUICK = ("raw", "go", "longshore")
DEFAULT = ("raw", "go", "longshore", "kopf", "go-defaults")


def main() -> None:
    options = _options()
    if options.quick:
        with tempfile.TemporaryDirectory() as folder:
            results = Results(Path(folder) / "results.json")
            _measure(results, options.contestants or QUICK, options.sizes or QUICK_SIZES, 1, 5.0)
            print(page(results.rows, options.sizes or QUICK_SIZES, 0))
        return
    results = Results(options.results, None if options.report else measured_commit())
    sizes = options.sizes or SIZES
    if not options.report:
        _measure(results, options.contestants or DEFAULT, sizes, options.runs, IDLE_SECONDS)
        if options.scale:
            _scale(results, options.contestants or ("longshore", "go"), options.stages, options.jobs)
    if options.profile:
        from bench.profiling import profile

        with step("profiling a create storm"):
            results.profile = profile(sizes[0])
        results.save()
    plots: list[str] = []
    if options.plots:
        from bench.plots import draw

        plots = draw(results.rows, sizes, options.stages, options.page.with_suffix(""))
    else:
        plots = sorted(each.stem for each in options.page.with_suffix("").glob("*.svg"))
    options.page.parent.mkdir(parents=True, exist_ok=True)
    options.page.write_text(page(results.rows, sizes, options.stages[-1], plots, results.profile))
    say(f"written: {options.page}")


def _measure(
    results: Results,
    contestants: tuple[str, ...] | list[str],
    sizes: tuple[int, ...] | list[int],
    runs: int,
    idle: float,
) -> None:
    """Contestants take turns, so that a slow hour of the machine is everybody's."""
    with step("building the peers"):
        peers()
    for run in range(1, runs + 1):
        for size in sizes:
            for name in contestants:
                contestant = CONTESTANTS[name]
                if results.has(name, size, run) or not contestant.takes_part(size, run):
                    continue
                minute = idle if run == 1 and size in (max(SIZES), *QUICK_SIZES) else 0.0
                with step(f"run {run} of {runs}, {size} objects, {name}"):
                    results.add(measure(contestant, Plan(size, minute), run))


def _scale(results: Results, contestants: tuple[str, ...] | list[str], stages: list[int], jobs: int) -> None:
    for name in contestants:
        if not results.has(name, stages[-1], 1):
            with step(f"scale, {stages[-1]} WebApps and {jobs} BatchJobs, {name}"):
                results.add(scale(CONTESTANTS[name], stages, jobs, IDLE_SECONDS / 4))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100 objects, one run, printed and not kept")
    parser.add_argument(
        "--scale", action="store_true", help="also 10,000 WebApps and 50,000 finished BatchJobs"
    )
    parser.add_argument(
        "--report", action="store_true", help="measure nothing: write the page from the results"
    )
    parser.add_argument(
        "--profile", action="store_true", help="also say where Longshore's CPU goes; takes py-spy"
    )
    parser.add_argument("--plots", action="store_true", help="draw the plots anew; takes matplotlib")
    parser.add_argument("--sizes", type=int, nargs="+", help=f"objects of each kind (default {SIZES})")
    parser.add_argument(
        "--runs",
        type=int,
        default=RUNS,
        help=f"interleaved runs (default {RUNS}); 0 leaves all but --scale out",
    )
    parser.add_argument("--contestants", nargs="+", choices=CONTESTANTS, help="who is measured")
    parser.add_argument("--stages", type=int, nargs="+", default=list(STAGES), help="WebApps at scale")
    parser.add_argument("--jobs", type=int, default=SCALE_JOBS, help="finished BatchJobs at scale")
    parser.add_argument(
        "--results", type=Path, default=ROOT / "bench" / "results.json", help="where rows are kept"
    )
    parser.add_argument("--page", type=Path, default=PAGE, help="the page that is written")
    return parser.parse_args()


if __name__ == "__main__":
    main()

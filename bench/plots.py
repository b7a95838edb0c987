"""Draws the plots of docs/performance.md from measured rows. Takes matplotlib: bench/requirements.txt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib  # type: ignore[import-not-found,unused-ignore]

matplotlib.use("svg")
from matplotlib import pyplot  # type: ignore[import-not-found,unused-ignore]

from bench.figures import Value, cpu, ratio, select, spread, wall
from bench.report import ORDER
from bench.results import Row

STEPS = ("create", "ready", "update", "services", "submit", "run", "finish")
COLOURS = {
    "raw": "#9aa0a6",
    "go": "#4c78a8",
    "longshore": "#e45756",
    "kopf": "#b79a20",
    "go-defaults": "#7f6fa8",
}


def draw(rows: Sequence[Row], sizes: Sequence[int], stages: Sequence[int], folder: Path) -> list[str]:
    """Writes the SVG files that the rows give; their names without the ending."""
    folder.mkdir(parents=True, exist_ok=True)
    matplotlib.rcParams.update(
        {"svg.hashsalt": "longshore", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    )
    made = []
    size = max(sizes)
    if select(rows, "longshore", size, "create"):
        _bars(rows, size, wall, "raw", "wall time, raw = 1", folder / "wall.svg")
        _bars(rows, size, cpu, "go", "CPU, go = 1", folder / "cpu.svg")
        made += ["wall", "cpu"]
    if select(rows, "longshore", stages[-1], f"react among {stages[0]}"):
        _curve(rows, stages, folder / "cost-per-event.svg")
        made.append("cost-per-event")
    return made


def _bars(rows: Sequence[Row], size: int, value: Value, against: str, label: str, path: Path) -> None:
    shown = [name for name in ORDER if any((row.contestant, row.size) == (name, size) for row in rows)]
    figure, axes = pyplot.subplots(figsize=(8, 3.2))
    width = 0.8 / len(shown)
    for place, name in enumerate(shown):
        found = [ratio(rows, name, against, size, step, value) for step in STEPS]
        heights = [each.middle if each else 0.0 for each in found]
        spots = [at + (place - (len(shown) - 1) / 2) * width for at in range(len(STEPS))]
        ranges: Any = [
            [each.middle - each.least if each else 0.0 for each in found],
            [each.most - each.middle if each else 0.0 for each in found],
        ]
        axes.bar(
            spots, heights, width, yerr=ranges, label=name, color=COLOURS[name], error_kw={"linewidth": 0.8}
        )
    axes.axhline(1, color="black", linewidth=0.6)
    axes.set_xticks(range(len(STEPS)), STEPS)
    axes.set_ylabel(label)
    axes.set_title(f"{size:,} objects")
    axes.legend(frameon=False, ncols=len(shown))
    _save(figure, path)


def _curve(rows: Sequence[Row], stages: Sequence[int], path: Path) -> None:
    figure, axes = pyplot.subplots(figsize=(6, 3.2))
    for name in ("longshore", "go"):
        held = [spread(rows, name, stages[-1], f"react among {stage}", _cpu_ms_each) for stage in stages]
        if all(held):
            axes.plot(
                stages, [each.middle for each in held if each], marker="o", label=name, color=COLOURS[name]
            )
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("WebApps present")
    axes.set_ylabel("CPU per update, ms")
    axes.legend(frameon=False)
    _save(figure, path)


def _cpu_ms_each(row: Row) -> float:
    return 1000 * row.cpu_seconds / row.objects


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)

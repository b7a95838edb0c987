"""The report of a run, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from tests.campaigns.bugs import BUGS, Caught
from tests.campaigns.campaigns import Outcome
from tests.campaigns.execution import CAMPAIGNS


def text(outcomes: Sequence[Outcome], caught: Sequence[Caught], seconds: float, commit: str = "") -> str:
    """Plans, faults and violations per campaign; which campaign caught which seeded bug. `seconds` is the sum of
    the plans' times; several run at once."""
    lines = ["# Fault campaigns", ""]
    if commit:
        lines += [f"Written by `make campaigns`, of the code at commit {commit}.", ""]
    if outcomes:
        lines += [*_campaigns(outcomes), ""]
    if caught:
        lines += [*_bugs(caught), ""]
    lines.append(f"The plans took {seconds / 60:.0f} min in all.")
    return "\n".join(lines) + "\n"


def _campaigns(outcomes: Sequence[Outcome]) -> list[str]:
    lines = ["| campaign | kind | plans | faults | violations | figures |", "|---|---|---:|---:|---:|---|"]
    for name in CAMPAIGNS:
        for kind in ("WebApp", "BatchJob"):
            of = [each for each in outcomes if (each.plan.campaign, each.plan.kind) == (name, kind)]
            if of:
                faults = sum(each.faults for each in of)
                violations = sum(bool(each.violations) for each in of)
                lines.append(f"| {name} | {kind} | {len(of)} | {faults} | {violations} | {_figures(of)} |")
    lines.append(
        f"| all | | {len(outcomes)} | {sum(each.faults for each in outcomes)} |"
        f" {sum(bool(each.violations) for each in outcomes)} | |"
    )
    return lines


def _figures(outcomes: Sequence[Outcome]) -> str:
    merged: dict[str, list[float]] = {}
    for each in outcomes:
        for name, values in each.figures.items():
            merged.setdefault(name, []).extend(values)
    said = []
    for name, values in merged.items():
        values.sort()
        if name in ("transitions", "refused"):
            said.append(f"{name} {sum(values):.0f}")
        elif name.endswith("seconds"):
            said.append(
                f"{name.removesuffix('_seconds')} p50 {_at(values, 0.5):.2f} s, p99 {_at(values, 0.99):.2f} s"
            )
        else:
            said.append(f"{name.replace('_', ' ')} {values[0]:.0f} to {values[-1]:.0f}")
    return "; ".join(said)


def _at(values: Sequence[float], share: float) -> float:
    return values[min(int(len(values) * share), len(values) - 1)]


def _bugs(caught: Sequence[Caught]) -> list[str]:
    lines = ["| seeded bug | caught by | after plans | what was seen |", "|---|---|---:|---|"]
    for each in sorted(caught, key=lambda found: list(BUGS).index(found.bug)):
        by = str(each.plan) if each.plan else "**not caught**"
        seen = each.seen.replace("|", "\\|")[:160]
        lines.append(f"| {BUGS[each.bug].what} | {by} | {each.after} | {seen} |")
    return lines

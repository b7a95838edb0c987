"""Whether a revision that is tried is good: by its restarts, and by what Prometheus says of it.

What isn't known is never taken for good: it is told, and the step lasts on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from longshore.api.canary import Analysis
from longshore.webapp.children.revision import revision_of
from longshore.webapp.facts import Facts
from longshore.workload.decision import Obj
from longshore.workload.names import CANARY_LABEL

ERROR_RATE, QUERY = "errorRate", "query"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong, and what could not be found out. Good is a verdict with neither."""

    bad: str = ""
    missing: str = ""


def questions(facts: Facts, wanted: str, error_rate_query: str) -> dict[str, str]:
    """What is to be asked of Prometheus about the revision that is tried, by name."""
    canary = facts.spec.rollout.canary
    if canary is None:
        return {}
    found = {}
    if canary.analysis.error_rate_percent is not None:
        found[ERROR_RATE] = error_rate_query
    if canary.analysis.prometheus is not None:
        found[QUERY] = canary.analysis.prometheus.query
    pods = sorted(pod["metadata"]["name"] for pod in tried(facts.pods, wanted))
    known = {
        # Not by the beginning of their names: pods of the revision that was tried before would be judged, too.
        "pods": "|".join(pods) or "none",
        "namespace": str(facts.app["metadata"]["namespace"]),
        "name": facts.name,
        "revision": wanted,
    }
    return {name: _put_in(query, known) for name, query in found.items()}


def judge_restarts(analysis: Analysis, pods: Iterable[Obj], wanted: str) -> str:
    """What is wrong with the restarts of the revision's pods, if anything."""
    count = sum(
        each.get("restartCount", 0)
        for pod in tried(pods, wanted)
        for field in ("containerStatuses", "initContainerStatuses")
        for each in pod.get("status", {}).get(field, ())
    )
    if count <= analysis.max_restarts:
        return ""
    return f"its containers restarted more often than analysis.maxRestarts lets pass, {analysis.max_restarts}"


def judge_measurements(analysis: Analysis, facts: Facts) -> Verdict:
    """What Prometheus said, against the bounds."""
    bad, missing = [], []
    if analysis.error_rate_percent is not None:
        value, problem = _reading(facts, ERROR_RATE)
        if value is None:
            missing.append(f"the error rate is not known: {problem}")
        elif value > analysis.error_rate_percent:
            bad.append(
                f"{_short(value)} % of its requests fail, more than analysis.errorRatePercent, {_short(analysis.error_rate_percent)}"
            )
    if (check := analysis.prometheus) is not None:
        value, problem = _reading(facts, QUERY)
        if value is None:
            missing.append(f"analysis.prometheus gives no number: {problem}")
        elif check.max is not None and value > check.max:
            bad.append(f"analysis.prometheus gives {_short(value)}, above its max, {_short(check.max)}")
        elif check.min is not None and value < check.min:
            bad.append(f"analysis.prometheus gives {_short(value)}, below its min, {_short(check.min)}")
    return Verdict("; ".join(bad), "; ".join(missing))


def tried(pods: Iterable[Obj], wanted: str) -> list[Obj]:
    """Pods on which the revision is tried."""
    return [
        pod
        for pod in pods
        if CANARY_LABEL in pod["metadata"].get("labels", {}) and revision_of(pod) == wanted
    ]


def _reading(facts: Facts, name: str) -> tuple[float | None, str]:
    return facts.measured.get(name, (None, "it was not measured yet"))


def _put_in(query: str, known: dict[str, str]) -> str:
    for name, value in known.items():
        query = query.replace(f"${{{name}}}", value)
    return query


def _short(value: float) -> str:
    return f"{value:.4g}"

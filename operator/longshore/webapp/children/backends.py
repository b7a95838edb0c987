"""Where routes send requests: Services of the app, each with its share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from longshore.workload.decision import Obj


@dataclass(frozen=True, slots=True)
class Backend:
    """A Service in the app's namespace, and its weight beside the others; 0 gets nothing."""

    service: str
    weight: int = 1


def backend_refs(backends: Sequence[Backend], port: int) -> list[Obj]:
    """The backendRefs of a route."""
    return [{"name": each.service, "port": port, "weight": each.weight} for each in backends]

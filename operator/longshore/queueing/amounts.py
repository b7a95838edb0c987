"""Amounts of cpu, memory and accelerators, and how Kubernetes writes them."""

from __future__ import annotations

from typing import NamedTuple

from longshore.workload.quantities import parse_quantity

UNLIMITED = 1 << 62
_GIB, _MIB = 1 << 30, 1 << 20


class Amounts(NamedTuple):
    """How much of each resource. As a limit, UNLIMITED stands for none."""

    cpu_millis: int = 0
    memory_bytes: int = 0
    gpus: int = 0

    def plus(self, other: Amounts) -> Amounts:
        return Amounts(self[0] + other[0], self[1] + other[1], self[2] + other[2])

    def minus(self, other: Amounts) -> Amounts:
        """What is left; below zero where `other` is more."""
        return Amounts(self[0] - other[0], self[1] - other[1], self[2] - other[2])

    def times(self, count: int) -> Amounts:
        return Amounts(self[0] * count, self[1] * count, self[2] * count)

    def fits(self, free: Amounts) -> bool:
        """Whether there is room for it. A resource that isn't asked for may be overdrawn."""
        return (
            (self[0] <= free[0] or not self[0])
            and (self[1] <= free[1] or not self[1])
            and (self[2] <= free[2] or not self[2])
        )


def cpu_millis(text: str | int) -> int:
    return int(parse_quantity(text) * 1000)


def memory_bytes(text: str | int) -> int:
    return int(parse_quantity(text))


def render_cpu(millis: int) -> str:
    return f"{millis // 1000}" if millis % 1000 == 0 else f"{millis}m"


def render_memory(size: int) -> str:
    """Whole Gi where it is that, else Mi, rounded down."""
    return f"{size // _GIB}Gi" if size % _GIB == 0 else f"{size // _MIB}Mi"


def exact_memory(size: int) -> str:
    """Whole Gi or Mi where it is that, else bytes."""
    return render_memory(size) if size % _MIB == 0 else str(size)


def render(name: str, amount: int) -> str:
    """The amount of the resource that the field `name` of Amounts holds."""
    match name:
        case "cpu_millis":
            return render_cpu(amount)
        case "memory_bytes":
            return render_memory(amount)
        case _:
            return str(amount)


LABELS = {"cpu_millis": "cpu", "memory_bytes": "memory", "gpus": "gpus"}
"""Field of Amounts → what users call it."""

"""Amounts in Kubernetes' notation, for arithmetic."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

_UNITS = {"m": Decimal("0.001"), "": Decimal(1)} | {
    prefix + suffix: Decimal(base) ** (power + 1)
    for suffix, base, prefixes in (("", 1000, "kMGTPE"), ("i", 1024, "KMGTPE"))
    for power, prefix in enumerate(prefixes)
}


def parse_quantity(text: str | int) -> Decimal:
    """A quantity of Kubernetes, such as 250m, 2, 1.5Gi or 1e3, in whole units: of memory, bytes."""
    written = str(text)
    number = written.rstrip("mkKMGTPEi")
    return Decimal(number) * _UNITS[written[len(number) :]]


def in_mebibytes(size: Decimal) -> str:
    """So many bytes as Mi, rounded up."""
    return f"{(size / 1024**2).to_integral_value(ROUND_CEILING)}Mi"

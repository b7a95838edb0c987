"""Amounts of memory in Kubernetes' notation, for arithmetic."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal

_DECIMAL = {letter: 1000**power for power, letter in enumerate("kMGTP", start=1)}
_BINARY = {f"{letter}i": 1024**power for power, letter in enumerate("KMGTP", start=1)}
_UNITS = {"": Decimal(1), "m": Decimal("0.001")} | {
    unit: Decimal(size) for unit, size in (_DECIMAL | _BINARY).items()
}


def in_bytes(quantity: int | str) -> Decimal:
    """An amount that admission has accepted, such as 512Mi, as bytes."""
    number, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(quantity)).groups()  # type: ignore[union-attr]
    return Decimal(number) * _UNITS[unit]


def in_mebibytes(size: Decimal) -> str:
    """So many bytes as Mi, rounded up."""
    return f"{(size / 1024**2).to_integral_value(ROUND_CEILING)}Mi"

"""Amounts in the units of the sources, as Kubernetes writes them. None stands for what can't be read."""

from __future__ import annotations

import re
from fractions import Fraction

from longshore.api.base import QUANTITY

MIB_PER = {"": 1, "mb": 1, "mib": 1, "gb": 1024, "gib": 1024}
SECONDS_PER = {"ms": Fraction(1, 1000), "s": Fraction(1), "m": Fraction(60), "h": Fraction(3600), "d": Fraction(86400)}  # fmt: skip
_FACTORS = (
    {"m": Fraction(1, 1000), "": Fraction(1)}
    | {unit: Fraction(1000**power) for power, unit in enumerate("kMGTP", 1)}
    | {f"{unit}i": Fraction(1024**power) for power, unit in enumerate("KMGTP", 1)}
)


def cpu_of_units(text: str) -> str | None:
    """`256` (1024 are one core), `.25 vCPU` or `1 vCPU` → `250m`, `1`."""
    found = re.fullmatch(r"\s*(\d*\.?\d+)\s*(vcpu)?\s*", text, re.IGNORECASE)
    if not found:
        return None
    return cpu_of_cores(Fraction(found[1]) / (1 if found[2] else 1024))


def cpu_of_cores(cores: Fraction) -> str | None:
    """A number of cores → `250m`, `1`; less than a thousandth of one is none."""
    millis = int(cores * 1000)
    if millis <= 0:
        return None
    return str(millis // 1000) if millis % 1000 == 0 else f"{millis}m"


def memory_of_mib(text: str) -> str | None:
    """`512` (MiB), `1 GB`, `2GB` → `512Mi`, `1Gi`, `2Gi`. The AWS services mean powers of two."""
    found = re.fullmatch(r"\s*(\d*\.?\d+)\s*([a-z]*)\s*", text, re.IGNORECASE)
    if not found or found[2].lower() not in MIB_PER:
        return None
    mib = int(Fraction(found[1]) * MIB_PER[found[2].lower()])
    if mib <= 0:
        return None
    return f"{mib // 1024}Gi" if mib % 1024 == 0 else f"{mib}Mi"


def quantity(text: str) -> str | None:
    """A Kubernetes quantity, if it is above zero and of the notation that the contract takes."""
    return text if re.match(QUANTITY, text) and amount(text) else None


def amount(text: str) -> Fraction:
    """What a quantity of the contract's notation amounts to: cores, or bytes."""
    found = re.fullmatch(r"([0-9.]+)([a-zA-Z]*)", text)
    assert found is not None, f"{text} is no quantity"
    return Fraction(found[1]) * _FACTORS[found[2]]


def seconds(text: str) -> int | None:
    """`90`, `90s`, `1m30s`, `1h` → whole seconds, rounded up."""
    if not re.fullmatch(r"(\d+(\.\d+)?(ms|s|m|h|d)?)+", text):
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?", text)
    total = sum((Fraction(number) * SECONDS_PER[unit or "s"] for number, unit in parts), Fraction(0))
    return -int(-total // 1)


def whole(text: str) -> int | None:
    """`70`, `70.0` → 70; a fraction is rounded."""
    return round(float(text)) if re.fullmatch(r"\d+(\.\d+)?", text) else None

"""Reads the API server's audit log: who asked what, and what came of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, slots=True)
class Request:
    """One request that has been answered."""

    verb: str
    user: str
    user_agent: str
    resource: str
    subresource: str
    group: str
    namespace: str
    name: str
    code: int

    @property
    def writes(self) -> bool:
        return self.verb in WRITES


def read(path: Path, offset: int = 0, user_agent: str = "") -> list[Request]:
    """Requests behind this offset in bytes, of clients whose User-Agent begins so."""
    with path.open("rb") as log:
        log.seek(offset)
        lines = log.read().splitlines()
    entries = (json.loads(line) for line in lines if line.endswith(b"}"))
    return [
        _request(each)
        for each in entries
        if str(each.get("userAgent", "")).startswith(user_agent) and "objectRef" in each
    ]


def _request(entry: dict[str, dict[str, str]]) -> Request:
    about = entry["objectRef"]
    return Request(
        verb=str(entry["verb"]),
        user=entry["user"].get("username", ""),
        user_agent=str(entry.get("userAgent", "")),
        resource=about.get("resource", ""),
        subresource=about.get("subresource", ""),
        group=about.get("apiGroup", ""),
        namespace=about.get("namespace", ""),
        name=about.get("name", ""),
        code=int(entry.get("responseStatus", {}).get("code", 0)),
    )

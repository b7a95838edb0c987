"""Where things are kept: everything under one folder, which `down --all` removes."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(os.environ.get("LONGSHORE_CACHE") or Path.home() / ".cache" / "longshore")
BINARIES, IMAGES, RUN = CACHE / "bin", CACHE / "images", CACHE / "run"
DEFAULT = "longshore"
CLUSTER = os.environ.get("LONGSHORE_CLUSTER") or DEFAULT
"""Name of the cluster: several can be up beside each other, on one Docker."""
CLUSTERS = RUN / "clusters"
"""Where those of another name keep what belongs to them."""
CLUSTER_RUN = RUN if CLUSTER == DEFAULT else CLUSTERS / CLUSTER
HERE = Path(__file__).parent


class ClusterError(Exception):
    """The cluster can't be made, or isn't there; the message says what to do."""


def digest(*parts: bytes | str) -> str:
    """Names content: the same parts give the same twelve digits."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        whole.update(len(data).to_bytes(8, "big") + data)
    return whole.hexdigest()[:12]


def say(message: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {message}", file=sys.stderr, flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Says what begins, and how long it took."""
    began = time.monotonic()
    say(f"{what} …")
    yield
    say(f"{what}: {time.monotonic() - began:.1f} s")

"""Who is measured, and how each is started as a process of its own, with the same rights."""

# ruff: noqa: S603, S607 - our own programs, and those of the path

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hack.cluster.paths import BINARIES, digest
from hack.cluster.processes import free_port, start, stop, wait_until

HERE = Path(__file__).parent / "peers"
START_SECONDS = 300
STEPS = frozenset(
    {"create", "ready", "update", "services", "react", "restart", "idle", "submit", "run", "finish"}
)


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way of doing the work. `command` takes a free port and a file that may be made when it is ready."""

    name: str
    what: str
    command: Callable[[int, Path], list[str]]
    steps: frozenset[str] = STEPS
    """What it takes part in."""
    largest: int | None = None
    """With more objects it takes too long to be worth the time."""
    runs: int | None = None
    """More of them would tell no more."""
    all_at_scale: bool = False
    """At scale, the cost of an event is measured at each stage, and finished BatchJobs come beside the WebApps."""

    def takes_part(self, size: int, run: int) -> bool:
        return (self.largest is None or size <= self.largest) and (self.runs is None or run <= self.runs)


def peers() -> Path:
    """The Go program, built once per content of its sources."""
    module = HERE / "go"
    sources = sorted([*module.glob("*.go"), module / "go.mod", module / "go.sum"])
    program = BINARIES / f"bench-{digest(*(each.read_bytes() for each in sources))}" / "peers"
    if not program.exists():
        program.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=program.parent) as scratch:
            built = Path(scratch) / "peers"
            subprocess.run(
                ["go", "build", "-trimpath", "-o", str(built), "."],
                cwd=module,
                env=os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"},
                check=True,
            )
            built.rename(program)
    return program


def _raw(port: int, ready: Path) -> list[str]:
    return [str(peers()), "raw", f"-ready={ready}"]


def _go(port: int, ready: Path) -> list[str]:
    return [str(peers()), "operator", f"-health=127.0.0.1:{port}"]


def _go_defaults(port: int, ready: Path) -> list[str]:
    return [*_go(port, ready), "-qps=20", "-burst=30", "-workers=1"]


def _kopf(port: int, ready: Path) -> list[str]:
    script = str(HERE / "kopf_textbook.py")
    return [
        sys.executable, "-m", "kopf", "run", "--standalone", "--namespace=default", "--quiet",
        f"--liveness=http://127.0.0.1:{port}/readyz", script,
    ]  # fmt: skip


def _longshore(port: int, ready: Path) -> list[str]:
    return [sys.executable, "-m", "longshore", "run"]


CONTESTANTS = {
    each.name: each
    for each in (
        Contestant(
            "raw", "the same writes from a Go client, and nothing else", _raw, STEPS - {"restart", "idle"}
        ),
        Contestant("go", "a small operator on controller-runtime, limits lifted", _go),
        Contestant("longshore", "Longshore as it is in the checkout", _longshore, all_at_scale=True),
        Contestant(
            "kopf",
            "a textbook kopf operator with the typed client",
            _kopf,
            frozenset({"create", "ready", "update"}),
            largest=500,
            runs=1,
        ),
        Contestant(
            "go-defaults",
            "the same Go operator at 20 requests per second and one worker",
            _go_defaults,
            frozenset({"create"}),
            largest=500,
            runs=1,
        ),
    )
}


class Running:
    """A contestant's process against one API server."""

    def __init__(self, contestant: Contestant, kubeconfig: Path, folder: Path) -> None:
        self.contestant, self._kubeconfig, self._folder = contestant, kubeconfig, folder
        self.log = folder / f"{contestant.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"{self.contestant.name} does not run; see {self.log}")
        return self._process.pid

    def start(self) -> None:
        """Starts it and returns when it says that it is ready."""
        port, ready = free_port(), self._folder / f"{self.contestant.name}.ready"
        ready.unlink(missing_ok=True)
        self.log.unlink(missing_ok=True)
        environment = os.environ | {
            "KUBECONFIG": str(self._kubeconfig),
            "LONGSHORE_HEALTH_PORT": str(port),
            "LONGSHORE_HEALTH_HOST": "127.0.0.1",
        }
        self._process = start(self.contestant.command(port, ready), self.log, environment)
        wait_until(
            lambda: ready.exists() or self._is_ready(port), f"readiness; see {self.log}", START_SECONDS
        )

    def stop(self) -> None:
        if self._process is not None:
            stop(self._process, patience_seconds=20)

    def _is_ready(self, port: int) -> bool:
        assert self.pid
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

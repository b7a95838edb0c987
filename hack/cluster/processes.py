"""Child processes that don't outlive us: the kernel ends them when we die, and we end them when we stop."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hack.cluster.paths import ClusterError

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def start(command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Starts a process whose output goes to `log`. It gets SIGKILL when the starting thread ends."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            env=env,
            preexec_fn=_die_with_parent,
        )


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def stop(process: subprocess.Popen[bytes], patience_seconds: float = 10) -> None:
    """Asks the process to end, then makes it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(true: Callable[[], bool], what: str, seconds: float = 60, every: float = 0.1) -> None:
    """Looks until it is true.

    Raises:
        ClusterError: it isn't in time.
    """
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise ClusterError(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(every)


def alive(pid: int, program: str) -> bool:
    """Whether this process runs and is this program: a number left in a file may be another's by now."""
    try:
        return program in Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[0] and _running(pid)
    except OSError:
        return False


def _running(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"


def end(pid: int, patience_seconds: float = 20) -> None:
    """Ends a process that isn't our child, by its id."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, number)
            wait_until(
                lambda: not Path(f"/proc/{pid}").exists() or not _running(pid),
                f"the end of process {pid}",
                patience_seconds,
            )
            return
        except ProcessLookupError:
            return
        except (ClusterError, OSError):
            continue

"""A Docker of our own: private socket, data and runtime, where none is running.

A machine may lack CAP_SYS_RESOURCE; then containers ask for more than the kernel gives, and a small
runtime in front of runc takes that out of their configuration.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hack.cluster.paths import CACHE, HERE, RUN, ClusterError, say, step
from hack.cluster.processes import alive, end, wait_until

SOCKET, PID, LOG = RUN / "docker.sock", RUN / "docker.pid", RUN / "docker.log"
PACKAGES = ("docker.io", "mmdebstrap", "iptables", "libseccomp-dev", "pkg-config")
_CAP_SYS_RESOURCE = 24


def install_packages() -> None:
    """Installs what apt has and the machine lacks.

    Raises:
        ClusterError: not root, no apt, or apt fails.
    """
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f=${Package} ${db:Status-Abbrev}\n", *PACKAGES],
        capture_output=True,
        text=True,
        check=False,
    )
    missing = [name for name in PACKAGES if f"{name} ii" not in asked.stdout]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ClusterError(
            f"there is no Docker that can pull images, and making one takes root and apt-get for {', '.join(missing)}:"
            " start Docker, or set LONGSHORE_CONTEXT to a context of your kubeconfig"
        )
    # A policy that denies keeps the packages from starting a system-wide Docker.
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    with step(f"installing {', '.join(missing)}"):
        for command in (
            ["apt-get", "update", "-q"],
            ["apt-get", "install", "-q", "-y", "--no-install-recommends", *missing],
        ):
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                raise ClusterError(f"{' '.join(command[:2])} failed: {done.stderr.strip()[-1000:]}")


def running() -> bool:
    return PID.exists() and alive(int(PID.read_text() or 0), "dockerd") and SOCKET.exists()


def start() -> None:
    """Starts the private Docker unless it runs."""
    if running():
        return
    RUN.mkdir(parents=True, exist_ok=True)
    for leftover in (PID, SOCKET, RUN / "docker-exec" / "containerd" / "containerd.pid"):
        leftover.unlink(missing_ok=True)
    runtime = _runtime()
    command = [
        "dockerd", f"--data-root={CACHE / 'docker'}", f"--exec-root={RUN / 'docker-exec'}", f"--pidfile={PID}",
        f"--host=unix://{SOCKET}", "--bridge=none", f"--add-runtime=longshore={runtime}", "--default-runtime=longshore",
    ]  # fmt: skip
    with step("starting Docker"), LOG.open("ab") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
        wait_until(lambda: _answers() or _ended(process), "the start of Docker", 60)


def stop() -> None:
    """Ends the private Docker, its containerd, and what they mounted."""
    pids = [(PID, "dockerd"), (RUN / "docker-exec" / "containerd" / "containerd.pid", "containerd")]
    for file, program in pids:
        if file.exists() and (text := file.read_text().strip()) and alive(int(text), program):
            end(int(text))
    for line in reversed(Path("/proc/mounts").read_text().splitlines()):
        mounted = line.split()[1]
        if mounted.startswith(f"{CACHE}/"):
            subprocess.run(["umount", "--lazy", mounted], capture_output=True, check=False)
    shutil.rmtree(RUN / "docker-exec", ignore_errors=True)
    for file in (PID, SOCKET):
        file.unlink(missing_ok=True)


def docker(*arguments: str, stdin: bytes | None = None, check: bool = True) -> str:
    """Output of the docker command against the private Docker.

    Raises:
        ClusterError: it failed.
    """
    done = subprocess.run(
        ["docker", *arguments], env=environment(), input=stdin, capture_output=True, check=False
    )
    if check and done.returncode:
        raise ClusterError(f"docker {' '.join(arguments[:3])} failed: {done.stderr.decode().strip()[-2000:]}")
    return done.stdout.decode()


def environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("DOCKER_")} | {
        "DOCKER_HOST": f"unix://{SOCKET}",
        "DOCKER_BUILDKIT": "0",
    }


def build(tag: str, folder: Path, *arguments: str) -> None:
    docker("build", "--network=none", "--quiet", "--tag", tag, *arguments, str(folder))


def has_image(tag: str) -> bool:
    return bool(docker("images", "--quiet", tag).strip())


def _answers() -> bool:
    return (
        subprocess.run(["docker", "version"], env=environment(), capture_output=True, check=False).returncode
        == 0
    )


def _ended(process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        raise ClusterError(f"Docker ended at once: {LOG.read_text()[-2000:]}")
    return False


def _runtime() -> Path:
    """runc, behind our filter where the bounding set is short of a capability."""
    runc = shutil.which("runc") or "/usr/sbin/runc"
    if _bounding_set() >> _CAP_SYS_RESOURCE & 1:
        return Path(runc)
    say("this machine lacks CAP_SYS_RESOURCE: containers run without what they would need it for")
    wrapper = RUN / "runtime"
    wrapper.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E {HERE / "oci_runtime.py"} {runc} "$@"\n')
    wrapper.chmod(0o755)
    return wrapper


def _bounding_set() -> int:
    lines: Sequence[str] = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("CapBnd:")), 16)

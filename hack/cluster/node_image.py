"""The image of a kind node, put together from Debian packages and our own binaries.

Three layers of cache: the Debian base, the binaries, the node image; each is made anew only when its
own inputs change.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

from hack.cluster.build import KUBERNETES, NODE, binaries, binary, key
from hack.cluster.docker import build, docker, has_image
from hack.cluster.paths import HERE, IMAGES, ClusterError, digest, step

BASE = "longshore.test/debian:bookworm"
_SUITE = "bookworm"
_BASE_PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "conntrack", "iptables", "nftables", "iproute2", "ethtool", "util-linux", "mount",
    "kmod", "libseccomp2", "pigz", "bash", "ca-certificates", "curl", "jq", "procps", "hostname", "socat",
)  # fmt: skip
_CNI = ("host-local", "loopback", "portmap", "ptp")
_CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")
METRICS_SERVER = "longshore.test/metrics-server:v0.9.0"


def debian(name: str, packages: tuple[str, ...]) -> Path:
    """A tar of a minimal Debian with these packages."""
    path = IMAGES / f"{name}-{digest(_SUITE, *packages)}.tar"
    if not path.exists():
        IMAGES.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.partial.tar")
        with step(f"assembling Debian for {name}"):
            command = [
                "mmdebstrap",
                "--quiet",
                "--variant=minbase",
                f"--include={','.join(packages)}",
                _SUITE,
                str(partial),
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            partial.unlink(missing_ok=True)
            raise ClusterError(f"mmdebstrap failed: {done.stderr.strip()[-1000:]}")
        partial.rename(path)
    return path


def import_base(tag: str, tar: Path) -> None:
    """Makes the tar an image of this name, unless it is."""
    label = f"longshore.dev/from={tar.name}"
    if not docker("images", "--quiet", "--filter", f"label={label}", tag).strip():
        docker("import", "--change", f"LABEL {label}", str(tar), tag)


def prepare_base() -> Path:
    """The base of the node; needs no Docker, so it can be made while programs compile."""
    return debian("node", _BASE_PACKAGES)


def tag() -> str:
    """Name of the node image for the inputs as they are."""
    inputs = [path for path in sorted((HERE / "node").rglob("*")) if path.is_file()]
    contents = [path.read_bytes() for path in inputs]
    return f"longshore.test/node:{digest(key(*NODE), _SUITE, *_BASE_PACKAGES, *contents, Path(__file__).read_bytes())}"


def ensure() -> str:
    """Name of the node image, made first if need be. Docker must run."""
    name = tag()
    if has_image(name):
        return name
    with ThreadPoolExecutor() as pool:
        base = pool.submit(prepare_base)
        programs = binaries(*NODE)
        tar = base.result()
    with step("making the control plane's images"):
        import_base(BASE, tar)
        images = _control_plane(programs)
    with step("making the node image"), tempfile.TemporaryDirectory(dir=IMAGES) as scratch:
        context = Path(scratch)
        shutil.copytree(HERE / "node", context, dirs_exist_ok=True)
        _copy(
            programs,
            [
                name
                for name in NODE
                if name not in (*_CNI, *_CONTROL_PLANE, "coredns", "metrics-server", "kube-proxy")
            ],
            context / "bin",
        )
        _copy(programs, list(_CNI), context / "cni")
        (context / "base-spec.json").write_bytes(_base_spec(programs["ctr"]))
        (context / "version").write_text(KUBERNETES)
        docker("save", "--output", str(context / "images.tar"), *images)
        build(f"{name}-bare", context)
    with step("filling the node image"):
        docker("rm", "--force", "longshore-preload", check=False)
        docker(
            "run",
            "--privileged",
            "--network=none",
            "--name=longshore-preload",
            "--entrypoint=/usr/local/bin/preload",
            f"{name}-bare",
        )
        docker(
            "commit",
            "--change",
            'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]',
            "longshore-preload",
            name,
        )
        docker("rm", "--force", "longshore-preload")
    return name


def _control_plane(programs: dict[str, Path]) -> list[str]:
    wanted = subprocess.run(
        [programs["kubeadm"], "config", "images", "list", f"--kubernetes-version={KUBERNETES}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    made = [METRICS_SERVER, "registry.k8s.io/pause:3.10"]
    _from_scratch(METRICS_SERVER, programs["metrics-server"])
    pause = _build_pause()
    _from_scratch("registry.k8s.io/pause:3.10", pause)
    for image in wanted:
        program = image.rpartition("/")[2].partition(":")[0]
        if program == "pause":
            _from_scratch(image, pause)
        elif program == "kube-proxy":
            with tempfile.TemporaryDirectory(dir=IMAGES) as scratch:
                shutil.copy2(programs["kube-proxy"], scratch)
                Path(scratch, "Dockerfile").write_text(f"FROM {BASE}\nCOPY kube-proxy /usr/local/bin/\n")
                build(image, Path(scratch))
        else:
            _from_scratch(image, programs[program])
        made.append(image)
    return sorted(set(made))


def _from_scratch(image: str, program: Path) -> None:
    """An image that holds this one static program, at / and on the PATH."""
    content = BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for folder in ("usr/local/bin", "tmp"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        tar.add(program, f"usr/local/bin/{program.name}")
        link = tarfile.TarInfo(program.name)
        link.type, link.linkname = tarfile.SYMTYPE, f"/usr/local/bin/{program.name}"
        tar.addfile(link)
    changes = [f'ENTRYPOINT ["/usr/local/bin/{program.name}"]', "ENV PATH=/usr/local/bin"]
    flags = [part for change in changes for part in ("--change", change)]
    docker("import", *flags, "-", image, stdin=content.getvalue())


def _build_pause() -> Path:
    binary("ctr")
    path = IMAGES / "pause"
    command = ["go", "build", "-trimpath", "-ldflags=-s -w", "-o", str(path), "."]
    subprocess.run(
        command,
        cwd=HERE / "node" / "pause",
        env=os.environ | {"CGO_ENABLED": "0"},
        check=True,
        capture_output=True,
    )
    return path


def _copy(programs: dict[str, Path], names: list[str], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        shutil.copy2(programs[name], folder / name)


def _base_spec(ctr: Path) -> bytes:
    """containerd's default container, without the rlimits that a machine may not let us raise."""

    spec = json.loads(subprocess.run([ctr, "oci", "spec"], capture_output=True, check=True).stdout)
    spec["process"].pop("rlimits", None)
    return json.dumps(spec).encode()

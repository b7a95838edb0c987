"""Programs built from Go modules, each family once per content of its pins.

A family is a folder under go/ with go.mod and go.sum, whose `tool` lines name the packages. The result
lies in the cache under the hash of these and of the flags, so that a changed pin builds its family anew
and nothing else.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from hack.cluster.paths import BINARIES, HERE, ClusterError, digest, step

KUBERNETES = "v1.36.3"
_STAMP = "k8s.io/component-base/version"


@dataclass(frozen=True, slots=True)
class Family:
    """Programs of one go.mod, by name → package."""

    name: str
    programs: dict[str, str]
    tags: str = ""
    ldflags: str = "-s -w"
    cgo: bool = False


def _commands(module: str, *names: str) -> dict[str, str]:
    return {name: f"{module}/{name}" for name in names}


_STAMPED = f"-s -w -X {_STAMP}.gitVersion={KUBERNETES} -X {_STAMP}.gitMajor=1 -X {_STAMP}.gitMinor=36"
FAMILIES = (
    Family("etcd", {"etcd": "go.etcd.io/etcd/server/v3"}),
    Family(
        "kubernetes",
        _commands("k8s.io/kubernetes/cmd", "kube-apiserver", "kube-controller-manager", "kubectl"),
        ldflags=_STAMPED,
    ),
    Family(
        "kubernetes",
        _commands("k8s.io/kubernetes/cmd", "kube-scheduler", "kube-proxy", "kubelet", "kubeadm"),
        ldflags=_STAMPED,
    ),
    Family("kind", {"kind": "sigs.k8s.io/kind"}),
    Family(
        "containerd",
        _commands("github.com/containerd/containerd/v2/cmd", "containerd", "containerd-shim-runc-v2", "ctr"),
        tags="no_btrfs,no_devmapper,no_zfs,no_aufs",
    ),
    Family("runc", {"runc": "github.com/opencontainers/runc"}, tags="seccomp", cgo=True),
    Family(
        "cni",
        {
            "host-local": "github.com/containernetworking/plugins/plugins/ipam/host-local",
            "loopback": "github.com/containernetworking/plugins/plugins/main/loopback",
            "portmap": "github.com/containernetworking/plugins/plugins/meta/portmap",
            "ptp": "github.com/containernetworking/plugins/plugins/main/ptp",
        },
    ),
    Family("cri", {"crictl": "sigs.k8s.io/cri-tools/cmd/crictl"}),
    Family("coredns", {"coredns": "github.com/coredns/coredns"}),
    Family("metrics", {"metrics-server": "sigs.k8s.io/metrics-server/cmd/metrics-server"}),
    Family("helm", {"helm": "helm.sh/helm/v4/cmd/helm"}),
)
OPTIONAL = (
    Family(
        "keda",
        {
            "keda": "github.com/kedacore/keda/v2/cmd/operator",
            "keda-adapter": "github.com/kedacore/keda/v2/cmd/adapter",
        },
    ),
    Family("cert-manager", {"cert-manager": "."}),
    Family("registry", {"registry": "github.com/distribution/distribution/v3/cmd/registry"}),
)
"""What parts.py takes; nothing else has them built."""
_FAMILY_OF = {program: family for family in (*FAMILIES, *OPTIONAL) for program in family.programs}
FAST = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
"""What the API server without nodes takes."""
NODE = tuple(program for family in FAMILIES for program in family.programs if program not in ("helm", "kind"))
"""What a node image takes."""


def binary(name: str) -> Path:
    """Path of a program, built first if it isn't in the cache.

    Raises:
        ClusterError: there is no such program, no Go, or it doesn't compile.
    """
    return binaries(name)[name]


def binaries(*names: str) -> dict[str, Path]:
    """Paths of several programs. Modules are fetched ahead, while others compile."""
    unknown = [name for name in names if name not in _FAMILY_OF]
    if unknown:
        raise ClusterError(f"no program {unknown[0]}: known are {', '.join(sorted(_FAMILY_OF))}")
    wanted: list[Family] = []
    for name in names:
        if _FAMILY_OF[name] not in wanted:
            wanted.append(_FAMILY_OF[name])
    missing = [family for family in wanted if not _folder(family).exists()]
    if missing and shutil.which("go") is None:
        raise ClusterError("Go is needed to build the cluster's programs: install Go 1.26 or later")
    with ThreadPoolExecutor(max_workers=4) as pool:
        fetched = {family.name: pool.submit(_fetch, family) for family in missing}
        for family in missing:
            fetched[family.name].result()
            _build(family)
    return {name: _folder(_FAMILY_OF[name]) / name for name in names}


def module_folder(family: str, module: str) -> Path:
    """Where the files of a module lie that the family's go.mod names; fetched first if need be."""
    return Path(json.loads(_output(family, "mod", "download", "-json", module))["Dir"])


def zone_info() -> Path:
    """Go's time zones: an image of nothing but a program has none."""
    return Path(_output("kind", "env", "GOROOT").strip()) / "lib" / "time" / "zoneinfo.zip"


def key(*names: str) -> str:
    """Changes when any of these programs would be built anew."""
    return digest(*(str(_folder(_FAMILY_OF[name])) for name in names))


def _folder(family: Family) -> Path:
    module = HERE / "go" / family.name
    pins = (module / "go.mod").read_bytes(), (module / "go.sum").read_bytes()
    own = [path.read_bytes() for path in sorted(module.glob("*.go"))]
    return (
        BINARIES
        / f"{family.name}-{digest(*pins, *own, family.tags, family.ldflags, *sorted(family.programs.values()))}"
    )


def _fetch(family: Family) -> None:
    _go(family, "mod", "download", what=f"fetching modules of {family.name}")


def _build(family: Family) -> None:
    BINARIES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BINARIES) as scratch:
        for name, package in family.programs.items():
            flags = [
                "-trimpath",
                "-ldflags",
                family.ldflags,
                *(["-tags", family.tags] if family.tags else []),
            ]
            _go(family, "build", *flags, "-o", f"{scratch}/{name}", package, what=f"building {name}")
        Path(scratch).chmod(0o755)
        try:
            os.rename(scratch, _folder(family))
        except OSError:
            if not _folder(family).exists():
                raise
            return  # another process built the same meanwhile
        Path(scratch).mkdir()


def _go(family: Family, *arguments: str, what: str) -> None:
    with step(what):
        _output(family.name, *arguments, what=what, cgo=family.cgo)


def _output(family: str, *arguments: str, what: str = "", cgo: bool = False) -> str:
    environment = os.environ | {
        "CGO_ENABLED": "1" if cgo else "0",
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "GOTOOLCHAIN": "local",
    }
    done = subprocess.run(
        ["go", *arguments],
        cwd=HERE / "go" / family,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ClusterError(f"{what or ' '.join(arguments)} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout

"""CustomResourceDefinitions of other projects, from their Go modules."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from hack.cluster.paths import CACHE, ClusterError, digest

_MODULES = {
    "gateway-api": (
        "sigs.k8s.io/gateway-api",
        "v1.4.0",  # what Traefik 3.6 is built with
        "h1:ZwlNM6zOHq0h3WUX2gfByPs2yAEsy/EenYJB78jpQfQ=",
        "config/crd/experimental",
    ),
    "gateway-api-1.6": (
        "sigs.k8s.io/gateway-api",
        "v1.6.3",  # what Traefik 3.7 is built with
        "h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=",
        "config/crd/experimental",
    ),
    "cert-manager": (
        "github.com/cert-manager/cert-manager",
        "v1.21.1",
        "h1:0LttV37Q5c2CBNoHkjuI8sLKTXWZDC2SwQkxrBMKV9w=",
        "deploy/crds",
    ),
    "keda": (
        "github.com/kedacore/keda/v2",
        "v2.21.0",
        "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=",
        "config/crd/bases",
    ),
}
"""Module, version, its checksum as in go.sum, and the folder inside."""


def folder(name: str) -> Path:
    """A folder with the CustomResourceDefinitions of `gateway-api`, `gateway-api-1.6`, `cert-manager` or `keda`, one
    per file.

    Raises:
        ClusterError: there is no Go, or the module can't be had.
    """
    module, version, checksum, inside = _MODULES[name]
    kept = CACHE / "crds" / f"{name}-{digest(module, version, checksum, inside)}"
    if kept.exists():
        return kept
    if shutil.which("go") is None:
        raise ClusterError("Go is needed to fetch CustomResourceDefinitions: install Go 1.26 or later")
    done = subprocess.run(
        ["go", "mod", "download", "-json", f"{module}@{version}"],
        cwd=tempfile.gettempdir(),
        env=os.environ | {"GOFLAGS": "-mod=mod"},
        capture_output=True,
        text=True,
        check=False,
    )
    told = json.loads(done.stdout or "{}")
    if done.returncode or told.get("Sum") != checksum:
        raise ClusterError(
            f"{module}@{version} can't be had: {told.get('Error') or done.stderr or told.get('Sum')}"
        )
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
        for path in sorted((Path(told["Dir"]) / inside).glob("*.yaml")):
            text = path.read_text()
            if "kind: CustomResourceDefinition" in text:
                (Path(scratch) / path.name).write_text(text)
        Path(scratch).chmod(0o755)
        try:
            os.rename(scratch, kept)
        except OSError:
            if not kept.exists():
                raise
            return kept
        Path(scratch).mkdir()
    return kept

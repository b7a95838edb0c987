"""python -m hack.image operator|workload|wheels [--load]: prints the names of the images."""

from __future__ import annotations

import argparse
import subprocess
import sys

from hack.image import build, wheels
from hack.image.docker import ROOT


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m hack.image", description=__doc__)
    parser.add_argument("what", choices=["operator", "workload", "wheels"])
    parser.add_argument("--load", action="store_true", help="put the images into the local cluster as well")
    parser.add_argument("--python", default="3.13", help="wheels: for this version of Python")
    asked = parser.parse_args()
    if asked.what == "wheels":
        wheels.download(asked.python)
        wheels.build_project()
        return
    images = [build.operator_image()] if asked.what == "operator" else build.workload_images()
    for image in images:
        if asked.load:
            subprocess.run(
                [sys.executable, "-m", "hack.cluster", "load", image],
                cwd=ROOT, stdout=sys.stderr, check=True,
            )  # fmt: skip
        print(image)


if __name__ == "__main__":
    main()

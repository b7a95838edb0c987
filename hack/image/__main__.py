"""python -m hack.image operator|workload|training|wheels [--load]: prints the names of the images."""

from __future__ import annotations

import argparse

from hack.cluster import kind
from hack.image import build, wheels


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m hack.image", description=__doc__)
    parser.add_argument("what", choices=["operator", "workload", "training", "wheels"])
    parser.add_argument("--load", action="store_true", help="put the images into the local cluster as well")
    parser.add_argument("--python", default="3.13", help="wheels: for this version of Python")
    asked = parser.parse_args()
    if asked.what == "wheels":
        wheels.download(asked.python)
        wheels.build_project()
        return
    if asked.what == "operator":
        images = [build.operator_image()]
    else:
        images = [build.training_image()] if asked.what == "training" else build.workload_images()
    if asked.load:
        kind.up().load(*images)
    print(*images, sep="\n")


if __name__ == "__main__":
    main()

"""Builds the images. Nothing is built again while what an image was made from is the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hack.image import wheels
from hack.image.base import python_image
from hack.image.docker import ROOT, docker, exists, fingerprint, megabytes, say

WORKLOAD = ROOT / "tests" / "e2e" / "workload"
WORKLOAD_REPOSITORY = "longshore.test/workload"
WORKLOAD_VARIANTS = {
    "v1": {"VERSION": "v1"},
    "v2": {"VERSION": "v2"},
    "v3": {"VERSION": "v3"},
    "broken": {"VERSION": "broken"},
    "root": {"VERSION": "root", "USER_ID": "0"},
    "named-user": {"VERSION": "named-user", "USER_ID": "web"},
}
TRAINING = ROOT / "examples" / "training"
TRAINING_IMAGE = "longshore.test/training:v1"
MODEL_REPOSITORY = "longshore.test/model"
MODELS = {"v1": "2 1", "v2": "13 1"}
"""Slope and offset of the straight line that the stand-in of a model server serves."""
CONTENT = "longshore.dev/content"


def operator_image() -> str:
    """Builds longshore:dev-<content> and returns its name."""
    base = python_image()
    base_id = docker("image", "inspect", "--format", "{{.Id}}", base)
    made_from = [ROOT / "Dockerfile", wheels.LOCKED, *wheels.project_files()]
    image = f"longshore:dev-{fingerprint(made_from, base_id)}"
    if exists(image):
        return image
    wheels.download(_python_version(base))
    wheels.build_project()
    say(f"building {image} over {base}")
    docker("build", "--network=none", f"--build-arg=PYTHON_IMAGE={base}", "--tag", image, ".")
    say(f"built {image}, {megabytes(image):.0f} MB")
    return image


def workload_images() -> list[str]:
    """Builds the test workload's images, one program under several tags, and returns their names."""
    made_from = fingerprint([*WORKLOAD.glob("*.go"), WORKLOAD / "go.mod", WORKLOAD / "Dockerfile"])
    images = {f"{WORKLOAD_REPOSITORY}:{tag}": arguments for tag, arguments in WORKLOAD_VARIANTS.items()}
    old = [image for image in images if _content(image) != made_from]
    if old:
        _compile()
    for image in old:
        arguments = [f"--build-arg={name}={value}" for name, value in images[image].items()]
        label = f"--label={CONTENT}={made_from}"
        docker("build", *arguments, label, "--tag", image, str(WORKLOAD / "build"))
        say(f"built {image}")
    return list(images)


def training_image() -> str:
    """Builds the image of the example that trains a model, and returns its name."""
    base = python_image("libstdc++6")
    base_id = docker("image", "inspect", "--format", "{{.Id}}", base)
    files = [TRAINING / name for name in ("Dockerfile", "requirements.txt", "train.py")]
    made_from = fingerprint(files, base_id)
    if _content(TRAINING_IMAGE) == made_from:
        return TRAINING_IMAGE
    wheels.download(_python_version(base), TRAINING / "requirements.txt", TRAINING / "wheels")
    say(f"building {TRAINING_IMAGE} over {base}")
    docker(
        "build", "--network=none", f"--build-arg=PYTHON_IMAGE={base}", f"--label={CONTENT}={made_from}",
        "--tag", TRAINING_IMAGE, str(TRAINING),
    )  # fmt: skip
    return TRAINING_IMAGE


def model_images() -> list[str]:
    """Builds images with nothing but a model in them, one for each version, and returns their names."""
    images = {f"{MODEL_REPOSITORY}:{tag}": model for tag, model in MODELS.items()}
    for image, model in images.items():
        if _content(image) == model:
            continue
        with tempfile.TemporaryDirectory(prefix="longshore-model-") as folder:
            (Path(folder) / "weights.txt").write_text(f"{model}\n")
            (Path(folder) / "Dockerfile").write_text("FROM scratch\nCOPY weights.txt /\n")
            docker("build", f"--label={CONTENT}={model}", "--tag", image, folder)
    return list(images)


def _compile() -> None:
    folder = WORKLOAD / "build"
    folder.mkdir(exist_ok=True)
    subprocess.run(
        ["go", "build", "-trimpath", "-ldflags=-s -w", "-o", str(folder / "workload"), "."],
        cwd=WORKLOAD,
        env=os.environ | {"CGO_ENABLED": "0", "GOOS": "linux"},
        stdout=sys.stderr,
        check=True,
    )
    shutil.copy(WORKLOAD / "Dockerfile", folder)


def _content(image: str) -> str | None:
    if not exists(image):
        return None
    return docker("image", "inspect", "--format", f'{{{{index .Config.Labels "{CONTENT}"}}}}', image)


def _python_version(image: str) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return docker("run", "--rm", "--network=none", image, "python3", "-c", code)

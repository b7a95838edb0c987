"""What is installed: an image that is nobody, can become nobody else, and whose parts are all listed."""

from __future__ import annotations

import json
import re

import pytest

from hack.image import build
from hack.image.docker import docker
from hack.supply_chain import sbom


@pytest.fixture(scope="module")
def image() -> str:
    """The operator's image of this checkout, as it was installed."""
    return build.operator_image()


def inside(image: str, code: str) -> str:
    """What a Python program says in the image, as its user, without a network."""
    return docker("run", "--rm", "--network=none", "--entrypoint=python", image, "-c", code)


def test_it_runs_as_nobody(image: str) -> None:
    assert (
        inside(image, "import os; print(os.getuid(), os.getgid(), os.getgroups())") == "65532 65532 [65532]"
    )


def test_no_file_raises_rights_and_none_of_the_program_can_be_written(image: str) -> None:
    code = (
        "import os, stat\n"
        "for folder, _, names in os.walk('/'):\n"
        "    if folder.startswith(('/proc', '/sys', '/dev')): continue\n"
        "    for name in names:\n"
        "        path = os.path.join(folder, name)\n"
        "        mode = os.lstat(path).st_mode\n"
        "        if stat.S_ISREG(mode) and mode & 0o6000: print('raises rights', path)\n"
        "        if folder.startswith('/opt') and os.access(path, os.W_OK): print('can be written', path)\n"
    )
    assert inside(image, code) == ""


def test_the_bill_of_materials_lists_what_is_installed(image: str) -> None:
    code = "import importlib.metadata as m, json; print(json.dumps([d.name for d in m.distributions()]))"
    installed = {normal(each) for each in json.loads(inside(image, code))} - {"longshore"}
    listed = json.loads(sbom().read_text())["components"]
    assert installed <= {normal(each["name"]) for each in listed}
    assert "pydantic" in installed
    assert all(each.get("hashes") or each.get("externalReferences") for each in listed)


def normal(name: str) -> str:
    """A package's name as PEP 503 has it."""
    return re.sub(r"[-_.]+", "-", name).lower()

"""Every conversion that docs/migrate shows, run.

A page shows files as code blocks under a line with the name in backquotes and a colon; a command; what it writes; and
what it says. To write the latter two anew: LONGSHORE_UPDATE_GOLDEN=1 make test-unit, then review the difference.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from longshore.cli.main import main

PAGES = sorted((Path(__file__).parents[3] / "docs" / "migrate").glob("from-*.md"))
_FILE = re.compile(r"^`([\w.-]+)`:\n\n```\w+\n(.*?)```$", re.DOTALL | re.MULTILINE)
_CONVERSION = re.compile(
    r"```sh\n(?P<command>longshore convert [^\n]*)\n```\n(?P<between>.*?)```yaml\n(?P<made>.*?)```\n(?P<then>.*?)```text\n(?P<said>.*?)```",
    re.DOTALL,
)


@dataclass(frozen=True)
class Shown:
    """A conversion as a page shows it."""

    command: str
    made: str
    said: str


def conversions(text: str) -> list[Shown]:
    return [Shown(each["command"], each["made"], each["said"]) for each in _CONVERSION.finditer(text)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_shows_what_happens(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = page.read_text()
    for name, content in _FILE.findall(text):
        (tmp_path / name).write_text(content)

    def run(shown: re.Match[str]) -> str:
        found = CliRunner().invoke(main, shlex.split(shown["command"])[1:])
        assert found.exit_code in (0, 3), found.output
        return (
            f"```sh\n{shown['command']}\n```\n{shown['between']}```yaml\n{found.stdout}```\n{shown['then']}```text\n"
            f"{found.stderr}```"
        )

    as_it_is = _CONVERSION.sub(run, text)
    assert conversions(text)
    if os.environ.get("LONGSHORE_UPDATE_GOLDEN"):
        page.write_text(as_it_is)
    assert as_it_is == page.read_text()


def test_there_is_a_page_for_every_source() -> None:
    assert {each.stem for each in PAGES} == {
        "from-app-runner", "from-copilot", "from-ecs", "from-elastic-beanstalk", "from-kubernetes", "from-helm",
        "from-aws-batch", "from-argo",
    }  # fmt: skip

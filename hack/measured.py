"""Which commit a measurement belongs to."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def commit(*paths: str) -> str:
    """The commit that last changed these paths; with -dirty, if there are changes beyond it."""

    def git(*arguments: str) -> str:
        command = ["git", *arguments, "--", *paths]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    return git("log", "-1", "--format=%h", "--abbrev=7") + ("-dirty" if git("status", "--porcelain") else "")

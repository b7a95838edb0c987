"""In CI a skipped test is a failed one; elsewhere it is skipped."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
CONFTEST = Path(__file__).parents[1] / "conftest.py"
TESTS = """
import pytest

def test_that_runs():
    pass

def test_that_gives_up():
    pytest.skip("no cluster")

@pytest.mark.xfail(raises=ZeroDivisionError)
def test_known_to_fail():
    1 / 0
"""
MODULE = """
import pytest
pytest.skip("no docker", allow_module_level=True)
"""


@pytest.mark.parametrize(
    ("ci", "expected"),
    [
        ("true", {"passed": 1, "failed": 1, "errors": 1, "xfailed": 1}),
        ("", {"passed": 1, "skipped": 2, "xfailed": 1}),
    ],
)
def test_skips_count_as_failures_in_ci_only(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str, expected: dict[str, int]
) -> None:
    monkeypatch.setenv("CI", ci)
    pytester.makeconftest(CONFTEST.read_text())
    pytester.makepyfile(test_some=TESTS, test_module=MODULE)
    result = pytester.runpytest_inprocess("--continue-on-collection-errors")
    result.assert_outcomes(**expected)
    if ci:
        result.stdout.fnmatch_lines(["*mend the machine*no cluster*"])

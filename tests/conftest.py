"""What holds for every tier: in CI, a test that skips itself unexpectedly has failed."""

from __future__ import annotations

import os
from collections.abc import Generator

import hypothesis
import pytest

hypothesis.settings.register_profile("without a clock", deadline=None)
hypothesis.settings.load_profile("without a clock")

EXPECTED_SKIPS: tuple[str, ...] = ()
"""Beginnings of node ids that may be skipped in CI as well."""

_REMEDY = "skipped in CI, where everything must run: mend the machine, or name the test in EXPECTED_SKIPS"


def _must_run(nodeid: str) -> bool:
    return os.environ.get("CI") == "true" and not nodeid.startswith(EXPECTED_SKIPS or ("\0",))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and _must_run(item.nodeid):
        report.outcome = "failed"
        report.longrepr = f"{_REMEDY}: {_reason(report.longrepr)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped and _must_run(collector.nodeid):
        report.outcome = "failed"
        report.longrepr = f"{_REMEDY}: {_reason(report.longrepr)}"
    return report


def _reason(where: object) -> str:
    return str(where[2]) if isinstance(where, tuple) else str(where)

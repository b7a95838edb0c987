"""The page and the rows of the failure catalogue fit together, and a changed message is noticed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.e2e.catalogue import batch, page, web
from tests.e2e.catalogue.placeholders import with_placeholders
from tests.e2e.catalogue.row import Row, Told
from tests.e2e.cluster import Cluster

ROWS: tuple[Row, ...] = (*web.ROWS, *batch.ROWS)
NOWHERE = Cluster(tools=None, namespace="oom-1a2b")  # type: ignore[arg-type]


def test_each_row_is_documented_and_each_documented_row_happens() -> None:
    told = page.documented()
    titles = [row.title for row in ROWS]
    assert len(titles) == len(set(titles))
    assert set(titles) == told.keys() - {"what is wrong", "---"}
    for row in ROWS:
        assert told[row.title].reason == row.reason
        assert re.search(row.says, told[row.title].message), row.name


def test_a_message_that_differs_from_the_page_is_a_failure() -> None:
    row = replace(ROWS[0], reason="OOMKilled", says="", read=lambda _: Told("OOMKilled", "64Mi"), seconds=0)
    assert row.wait(NOWHERE, Told("OOMKilled", "64Mi")).message == "64Mi"
    with pytest.raises(AssertionError, match=r"(?s)told OOMKilled: 32Mi.*seen last: OOMKilled: 64Mi"):
        row.wait(NOWHERE, Told("OOMKilled", "32Mi"))


def test_what_is_written_is_what_is_read(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    target = page.Path(str(tmp_path)) / "page.md"
    target.write_text("before\n<!-- apps -->\n<!-- end of apps -->\nafter\n")
    monkeypatch.setattr(page, "PAGE", target)
    row, told = web.ROWS[0], Told("Odd", "one | two\\n")
    page.write({"apps": web.ROWS}, {row.title: told})
    assert page.documented()[row.title] == told
    page.write({"apps": web.ROWS}, {web.ROWS[1].title: told})
    assert page.documented().keys() >= {row.title, web.ROWS[1].title}
    assert target.read_text().endswith("<!-- end of apps -->\nafter\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pod shop-7c9b5d6f8-x2v9k of pool-oom-1a2b in oom-1a2b", "pod POD of pool in NAMESPACE"),
        ("logs import-1-x2v9k and import-1-0-abcde", "logs POD and POD"),
        ("until 2026-03-01T12:00:00Z on longshore-control-plane", "until TIME on NODE"),
        ("dial tcp 10.244.0.7:8080: refused", "dial tcp ADDRESS:8080: refused"),
        ("0/3 nodes are available: 2 Insufficient cpu, 1 node(s) had", "0/N nodes are available: N Insufficient cpu, N node(s) had"),
        ("revision 1234567890 failed; deadbeefca is serving", "revision REVISION failed; REVISION is serving"),
        ("exit code 3, 12 restarts", "exit code 3, N restarts"),
    ],
)  # fmt: skip
def test_what_is_another_each_time_has_a_word(text: str, expected: str) -> None:
    assert with_placeholders(text, "oom-1a2b") == expected

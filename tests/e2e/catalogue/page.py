"""The tables of docs/troubleshooting.md: read, and written anew."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.e2e.catalogue.row import Row, Told

PAGE = Path(__file__).parents[3] / "docs" / "troubleshooting.md"
_HEAD = "| what is wrong | reason | message | what to do |\n|---|---|---|---|\n"


def documented() -> dict[str, Told]:
    """What the page says, by what is wrong."""
    found = {}
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 4:
            found[cells[0]] = Told(cells[1], cells[2])
    return found


def write(catalogues: Mapping[str, Sequence[Row]], seen: Mapping[str, Told]) -> None:
    """Puts what was seen into the page, table by table; what wasn't looked at this time stays as it is."""
    text, known = PAGE.read_text(), documented() | seen
    for name, rows in catalogues.items():
        lines = [_line(row, known[row.title]) for row in rows if row.title in known]
        text = re.sub(
            rf"(?s)(<!-- {name} -->\n).*?(<!-- end of {name} -->)",
            lambda match, lines=lines: match[1] + _HEAD + "".join(lines) + match[2],  # type: ignore[misc]
            text,
        )
    PAGE.write_text(text)


def _line(row: Row, told: Told) -> str:
    helped = " ✓" if row.cure else ""
    cells = (row.title, told.reason, told.message, row.do + helped)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"

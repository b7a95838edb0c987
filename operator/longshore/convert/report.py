"""The account of a conversion as lines for people. Says names and paths of fields, never what variables hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from longshore.convert.reader import Entry, Outcome

TITLES = {
    Outcome.LEFT: "Not carried over:",
    Outcome.CHANGED: "Carried over, but look:",
    Outcome.NEEDLESS: "Not needed:",
}


def report(entries: Sequence[Entry]) -> Iterator[str]:
    """What was left, what changed, and what said nothing; fields of which the same is said stand together."""
    several = len({each.document for each in entries}) > 1
    for outcome, title in TITLES.items():
        told = [each for each in entries if each.outcome is outcome]
        if told:
            yield title
        for document in dict.fromkeys(each.document for each in told):
            if several:
                yield f"  {document}"
            yield from _lines(
                [each for each in told if each.document == document], "    " if several else "  "
            )


def _lines(entries: Sequence[Entry], indent: str) -> Iterator[str]:
    places: dict[str, list[str]] = {}
    for each in entries:
        places.setdefault(each.message, []).append(each.where)
    for message, where in places.items():
        yield f"{indent}{', '.join(where)}: {message}"

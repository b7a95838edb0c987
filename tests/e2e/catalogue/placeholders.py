"""Words that stand for what is another at each run: names of pods and nodes, times, addresses, hashes."""

from __future__ import annotations

import re

_PATTERNS = (
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"),
    (r"\blongshore-(?:control-plane|worker\d*)\b", "NODE"),
    (r"\b(?:shop|import)-[0-9a-f]{7,10}-[a-z0-9]{5}\b", "POD"),
    (r"\bimport-\d+(?:-\d+)?-[a-z0-9]{5}\b", "POD"),
    (r"\b10\.\d+\.\d+\.\d+(?=:\d+)", "ADDRESS"),
    (r"(?<=dial tcp )127\.0\.0\.1(?=:)|(?<=dial tcp )\[::1\](?=:)", "ADDRESS"),
    (r"(?<=lookup registry.invalid).*?(?=\. Check)", " fails"),  # in the words of the machine's resolver
    (r", \d+ restarts?\b", ", N restarts"),
    (r"\b0/\d+ nodes\b", "0/N nodes"),
    (r"\b\d+(?= node\(s\)| Insufficient)", "N"),
    (r"\b\d+(?= of \d+ pods run\b)", "N"),
    (r" that placement leaves of \d+", ""),
    (r"\b\d+ (?:is|are) large enough\b", "N are large enough"),
    (r"\b(?:1 node|\d+ nodes)\b", "N nodes"),
    (r"\bthe only node\b", "the largest of N nodes"),
    (r"(?<= offers )[\d.]+(?:Gi)?", "N"),
    (r"(?<= excludes )(?:all|\d+ of \d+)", "N"),
    (r"(?<= on )\d+(?=[,)])", "N"),
    (r"(?<=revision )[0-9a-f]{8,16}\b|(?<=shop-release-)[0-9a-f]{8,16}\b", "REVISION"),
    (r"\b[0-9a-f]{8,16}(?= is serving| is being restored)", "REVISION"),
    (r"(?<=nightly-often-)\d{12}\b", "MINUTE"),
    (r"(?<=container id )[0-9a-f]{64}|\b[0-9a-f]{64}\b", "ID"),
    (r"@sha256:[0-9a-f]{64}", ""),
)


def with_placeholders(text: str, namespace: str) -> str:
    """The text in one line; names that end in the namespace lose it."""
    line = " ".join(text.split()).replace(f"-{namespace}", "").replace(namespace, "NAMESPACE")
    for pattern, instead in _PATTERNS:
        line = re.sub(pattern, instead, line)
    return line

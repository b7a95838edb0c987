"""Logs, one JSON object per line. Never a Secret, the value of a variable, or an argument."""

from __future__ import annotations

import logging
import sys

from pythonjsonlogger.json import JsonFormatter


def set_up(level: str, form: str) -> None:
    """Sends every logger to standard error, at this level; libraries speak at WARNING."""
    handler = logging.StreamHandler(sys.stderr)
    if form == "json":
        fields = {"levelname": "level", "name": "logger", "asctime": "time"}
        handler.setFormatter(
            JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s", rename_fields=fields)
        )
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for library in ("aiohttp", "asyncio", "kubernetes", "urllib3"):
        logging.getLogger(library).setLevel(max(logging.WARNING, logging.getLevelName(level)))

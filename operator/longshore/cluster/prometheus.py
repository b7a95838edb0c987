"""Asks a Prometheus server for one number: the only request of the operator that doesn't go to the API server.

The address is the operator's setting, never a user's. Redirects aren't followed, and of an answer that is too long
nothing is taken.
"""

from __future__ import annotations

import json
import math
from typing import Any

import aiohttp

TIMEOUT_SECONDS = 5.0
LONGEST_ANSWER = 1_000_000

Answer = tuple[float | None, str]
"""A number, or None and why there is none."""


async def ask(url: str, query: str) -> Answer:
    """The number that an instant query gives; whatever goes wrong is told in its words."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(
                f"{url.rstrip('/')}/api/v1/query", data={"query": query}, allow_redirects=False
            ) as answer,
        ):
            body = await answer.content.read(LONGEST_ANSWER)
            return number_in(answer.status, body)
    except TimeoutError:
        return None, f"Prometheus did not answer within {TIMEOUT_SECONDS:g} s"
    except aiohttp.ClientError as error:
        return None, f"Prometheus is not reached: {type(error).__name__}"


def number_in(status: int, body: bytes) -> Answer:
    """What Prometheus answered, as one number. A NaN, no series and several are none."""
    try:
        told: Any = json.loads(body)
        if told["status"] != "success":
            return None, f"Prometheus refuses the query: {str(told.get('error', ''))[:300]}"
        kind, result = told["data"]["resultType"], told["data"]["result"]
        if kind == "vector" and not result:
            return None, "Prometheus has no data for the query"
        if kind == "vector" and len(result) > 1:
            return None, f"the query gives {len(result)} series, where one number is needed: aggregate them"
        value = float((result if kind == "scalar" else result[0]["value"])[1])
    except (ValueError, TypeError, LookupError):
        return None, f"Prometheus answered {status} with what is no result"
    if math.isnan(value):
        return None, "the query gives NaN, as a share of no requests does"
    return value, ""

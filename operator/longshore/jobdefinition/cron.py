"""A cron expression in a time zone: the next time after, and the last time until, a moment.

cronsim says which local times match. From local time to moments and back it goes here, because near a change of the
clock cronsim 2.8 returns times before the one that was asked for, and leaves some out where the clock changes by half
an hour. The rule is Debian's cron's: a fixed time that is skipped is due at the end of the gap, one that is repeated
is due the first time; where minute or hour begin with `*`, the clock's own course counts, repetitions and all.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

WINDOW = timedelta(hours=3)
"""No clock changes by more at once, but where a country moves over the date line."""


class BadSchedule(Exception):
    """No moments come of this expression or time zone; the message says why, in one sentence."""


class Cron:
    """One expression in one zone. Moments that come in and go out are aware and in UTC.

    Raises:
        BadSchedule: the expression can't be read or never matches, or there is no such zone.
    """

    def __init__(self, expression: str, time_zone: str) -> None:
        self._expression = expression
        try:
            self._zone = ZoneInfo(time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise BadSchedule(
                f"there is no time zone {time_zone}: write one of the IANA database, such as Europe/Berlin"
            ) from None
        try:
            self._matches(datetime(2000, 1, 1, tzinfo=UTC), reverse=False)
        except CronSimError as error:
            raise BadSchedule(f"cron {expression!r} cannot be read: {str(error).lower()}") from None
        minute, hour = expression.split()[:2]
        self._by_the_clock = minute.startswith("*") or hour.startswith("*")

    def next_after(self, moment: datetime) -> datetime | None:
        """The first time after the moment; None if none comes within 50 years."""
        return self._nearest(moment, reverse=False)

    def last_until(self, moment: datetime) -> datetime | None:
        """The last time at or before the moment; None if there is none within 50 years."""
        return self._nearest(moment, reverse=True)

    def _nearest(self, moment: datetime, *, reverse: bool) -> datetime | None:
        """Near a change of the clock the order of local times isn't that of moments: there all of them are compared."""
        local = moment.astimezone(self._zone).replace(tzinfo=None)
        around = WINDOW if self._changes_near(moment) else timedelta(0)
        sign, nearest = (-1 if reverse else 1), (max if reverse else min)

        def beyond(each: datetime) -> bool:
            return each <= moment if reverse else each > moment

        start = local + around + timedelta(seconds=1) if reverse else local - around
        matches = self._matches(start, reverse=reverse)
        near: list[datetime] = []
        for match in matches:
            near += filter(beyond, self._moments(match))
            if near and sign * (match - local) >= around:
                return nearest(near)
        return nearest(near, default=None)

    def _matches(self, start: datetime, *, reverse: bool) -> Iterator[datetime]:
        """Local times that match, from this one on, at most 50 years away."""
        last = start.year + (-50 if reverse else 50)
        return takewhile(
            lambda each: (each.year >= last) if reverse else (each.year <= last),
            CronSim(self._expression, start, reverse=reverse),
        )

    def _changes_near(self, moment: datetime) -> bool:
        before, after = ((moment + each).astimezone(self._zone).utcoffset() for each in (-WINDOW, WINDOW))
        return before != after

    def _moments(self, local: datetime) -> list[datetime]:
        """When the clock shows this time: once, twice, or, where it is skipped, never or at the end of the gap."""
        first, second = self._moment(local, fold=0), self._moment(local, fold=1)
        if first == second:
            return [first]
        if first < second:
            return [first, second] if self._by_the_clock else [first]
        if self._by_the_clock:
            return []
        while self._moment(local, fold=0) != self._moment(local, fold=1):
            local += timedelta(minutes=1)
        return [self._moment(local, fold=0)]

    def _moment(self, local: datetime, *, fold: int) -> datetime:
        return local.replace(tzinfo=self._zone, fold=fold).astimezone(UTC)

"""Cron expressions in time zones: compared with a clock that is looked at every minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as some
from longshore.workload.cron import BadSchedule, Cron

MINUTE = timedelta(minutes=1)
CHANGES = {
    "Europe/Berlin": (datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)),
    "America/New_York": (datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC)),
    "Australia/Lord_Howe": (datetime(2026, 10, 3, 15, 30, tzinfo=UTC), datetime(2026, 4, 4, 15, tzinfo=UTC)),
}
"""When the clock goes forward and back; on Lord Howe by half an hour."""


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def runs(cron: str, zone: str, start: datetime, end: datetime) -> list[datetime]:
    found, moment, each = [], start - MINUTE, Cron(cron, zone)
    while (following := each.next_after(moment)) is not None and following <= end:
        found.append(following)
        moment = following
    return found


@pytest.mark.parametrize(
    ("cron", "zone", "start", "times"),
    [
        ("30 2 * * *", "Europe/Berlin", "2026-03-28", ["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24", ["2026-10-24T00:30", "2026-10-25T00:30", "2026-10-26T01:30"]),
        ("30 1 * * *", "America/New_York", "2026-11-01", ["2026-11-01T05:30", "2026-11-02T06:30"]),
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03", ["2026-10-03T15:30", "2026-10-04T15:15"]),
        ("0 */2 * * *", "Australia/Lord_Howe", "2026-04-04T14", ["2026-04-04T15:30", "2026-04-04T17:30"]),
        ("30 * * * *", "Europe/Berlin", "2026-10-25", ["2026-10-25T00:30", "2026-10-25T01:30", "2026-10-25T02:30"]),
        ("0 0 29 2 *", "UTC", "2026-01-01", ["2028-02-29T00:00", "2032-02-29T00:00"]),
        ("0 12 L * *", "UTC", "2028-02-01", ["2028-02-29T12:00", "2028-03-31T12:00"]),
    ],
)  # fmt: skip
def test_times_around_changes_of_the_clock_and_leap_days(
    cron: str, zone: str, start: str, times: list[str]
) -> None:
    wanted = [utc(each) for each in times]
    assert runs(cron, zone, utc(start), wanted[-1]) == wanted


def by_the_clock(cron: str, zone: str, start: datetime, end: datetime) -> list[datetime]:
    """What somebody would do who looks at the clock every minute and follows the rule that is documented."""
    minute, hour = cron.split()[:2]
    loose, tz = minute.startswith("*") or hour.startswith("*"), ZoneInfo(zone)
    found: list[datetime] = []
    done: set[datetime] = set()
    before = (start - 3 * 60 * MINUTE - MINUTE).astimezone(tz).replace(tzinfo=None)
    moment = start - 3 * 60 * MINUTE
    while moment <= end:
        shown = moment.astimezone(tz).replace(tzinfo=None)
        skipped = [before + MINUTE * n for n in range(1, int((shown - before) / MINUTE))] if not loose else []
        due = [each for each in (*skipped, shown) if _matches(cron, each) and (loose or each not in done)]
        done.update(due)
        if due and moment >= start:
            found.append(moment)
        before, moment = shown, moment + MINUTE
    return found


def _matches(cron: str, local: datetime) -> bool:
    return next(CronSim(cron, local - timedelta(seconds=1))) == local


fields = some.sampled_from(["*", "*/15", "*/20", "0", "15", "30", "0,30", "5-10", "10/20"])
hours = some.sampled_from(["*", "*/2", "0", "1", "2", "3", "1-3", "2,3", "0-23/2"])


@settings(max_examples=20, deadline=None)
@given(minute=fields, hour=hours, zone=some.sampled_from(sorted(CHANGES)), forward=some.booleans())
def test_near_a_change_of_the_clock_it_is_as_on_a_clock(
    minute: str, hour: str, zone: str, forward: bool
) -> None:
    change, cron = CHANGES[zone][0 if forward else 1], f"{minute} {hour} * * *"
    start, end = change - timedelta(hours=4), change + timedelta(hours=4)
    assert runs(cron, zone, start, end) == by_the_clock(cron, zone, start, end)


@settings(max_examples=150, deadline=None)
@given(
    minute=fields,
    hour=hours,
    zone=some.sampled_from([*sorted(CHANGES), "UTC"]),
    days=some.floats(0, 1095),
    near=some.one_of(some.none(), some.integers(-14400, 14400)),
)
def test_next_and_last_agree(minute: str, hour: str, zone: str, days: float, near: int | None) -> None:
    moment = utc("2026-01-01") + timedelta(days=days)
    if near is not None and zone in CHANGES:
        moment = CHANGES[zone][near % 2] + timedelta(seconds=near)
    cron = Cron(f"{minute} {hour} * * *", zone)
    following, last = cron.next_after(moment), cron.last_until(moment)
    assert following is not None
    assert last is not None
    assert last <= moment < following
    assert cron.last_until(following) == following
    assert cron.next_after(last) == following
    assert cron.last_until(following - timedelta(seconds=1)) == last


@pytest.mark.parametrize(
    ("cron", "zone", "message"),
    [
        ("61 * * * *", "UTC", "cron '61 * * * *' cannot be read: bad minute"),
        ("0 0 30 2 *", "UTC", "cron '0 0 30 2 *' cannot be read: bad day-of-month"),
        ("* * * * *", "Europe/Nowhere", "there is no time zone Europe/Nowhere: write one of the IANA database, such as Europe/Berlin"),
        ("* * * * *", "Europe", "there is no time zone Europe: write one of the IANA database, such as Europe/Berlin"),
        ("* * * * *", "../../etc/passwd", "there is no time zone ../../etc/passwd: write one of the IANA database, such as Europe/Berlin"),
    ],
)  # fmt: skip
def test_what_never_comes_due_is_told(cron: str, zone: str, message: str) -> None:
    with pytest.raises(BadSchedule) as raised:
        Cron(cron, zone)
    assert str(raised.value) == message

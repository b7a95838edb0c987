"""What a schedule asks for; and over random histories with crashes: each minute at most once, none forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from longshore.api.jobdefinition import JobDefinitionSpec
from longshore.jobdefinition.decide import decide
from longshore.jobdefinition.facts import Facts
from longshore.workload.conditions import timestamp
from longshore.workload.decision import Create, Decision, Delete, Patch, Refusal

Obj = dict[str, Any]
NOON = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
HOURLY = {"name": "hourly", "cron": "0 * * * *"}


def facts(
    schedules: list[Obj], status: Obj | None = None, jobs: list[Obj] | None = None, **more: Any
) -> Facts:
    spec = {"template": {"image": "report:1"} | more.pop("template", {}), "schedules": schedules}
    metadata = {"name": "report", "namespace": "prod", "uid": "uid-1", "generation": 1, "creationTimestamp": timestamp(NOON)}  # fmt: skip
    definition = {"metadata": metadata, "status": status or {}}
    known = JobDefinitionSpec.model_validate(spec | {"parameters": more.pop("parameters", {})})
    revisions = more.pop("revisions", None)
    if revisions is None:
        unseen = Facts({"metadata": metadata}, known)
        revisions = [step.body for step in decide(unseen, NOON).steps if isinstance(step, Create)]
    return Facts(definition, known, revisions=revisions, jobs=jobs or [], **more)


def job(name: str, phase: str | None = None, **spec: Any) -> Obj:
    metadata = {
        "name": name,
        "namespace": "prod",
        "uid": f"uid-{name}",
        "labels": {"longshore.dev/schedule": "hourly"},
    }
    body = {"apiVersion": "longshore.dev/v1alpha1", "kind": "BatchJob", "metadata": metadata, "spec": spec}
    return body | ({"status": {"phase": phase}} if phase else {})


def after(schedule: Obj, next_run: str, jobs: list[Obj], now: datetime, **more: Any) -> Decision:
    """What is decided when the status says that this run is next."""
    entry = {"name": "hourly", "cron": schedule["cron"], "timeZone": "UTC", "nextRun": next_run, "active": 0}
    status = {"observedGeneration": 1, "revision": 1, "schedules": [entry | more.pop("entry", {})]}
    return decide(facts([schedule], status, jobs, **more), now)


def created(decision: Decision) -> list[str]:
    return [step.body["metadata"]["name"] for step in decision.steps if isinstance(step, Create)]


def entry(decision: Decision) -> Obj:
    assert decision.status is not None
    return dict(decision.status["schedules"][0])


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    return NOON.replace(hour=hour, minute=minute, second=second)


def test_it_says_when_it_runs_next_and_sleeps_until_then() -> None:
    decision = decide(facts([HOURLY]), NOON)
    assert decision.steps == ()
    assert entry(decision)["nextRun"] == "2026-03-01T13:00:00Z"
    assert decision.again_in_seconds == 59 * 60 + 30
    assert decision.status is not None
    assert decision.status["nextRun"] == "2026-03-01T13:00:00Z"


def test_nothing_of_it_moves_while_no_run_comes_due() -> None:
    status = decide(facts([HOURLY]), NOON).status
    assert decide(facts([HOURLY], status), NOON + timedelta(minutes=59)).status == status


def test_a_run_is_made_under_the_name_of_its_minute_from_the_latest_revision() -> None:
    decision = after(
        HOURLY | {"parameters": {"day": "x"}}, timestamp(at(13)), [], at(13, 0, 1), parameters={"day": {}}
    )
    (step,) = decision.steps
    assert isinstance(step, Create)
    assert step.body["metadata"]["name"] == "report-hourly-202603011300"
    assert step.body["spec"]["definition"] == {"name": "report", "revision": 1}
    assert step.body["spec"]["parameters"] == {"day": "x"}
    assert step.body["metadata"]["ownerReferences"][0]["kind"] == "JobDefinition"


def test_its_jobs_wait_in_the_queue_that_it_names() -> None:
    queued = HOURLY | {"queue": "nightly", "priority": 7, "share": "reports"}
    (step,) = [
        step for step in after(queued, "2026-03-01T13:00:00Z", [], at(13)).steps if isinstance(step, Create)
    ]
    spec = step.body["spec"]
    assert (spec["queue"], spec["priority"], spec["share"]) == ("nightly", 7, "reports")


def test_it_is_recorded_once_it_exists_and_not_made_again() -> None:
    made = [job("report-hourly-202603011300")]
    decision = after(HOURLY, timestamp(at(13)), made, at(13, 0, 1))
    assert decision.steps == ()
    told = entry(decision)
    assert (told["lastRun"], told["lastJob"]) == ("2026-03-01T13:00:00Z", "report-hourly-202603011300")
    assert (told["nextRun"], told["active"]) == ("2026-03-01T14:00:00Z", 1)


def test_of_several_missed_runs_the_latest_is_made_up_for() -> None:
    assert created(after(HOURLY, timestamp(at(13)), [], at(16, 20))) == ["report-hourly-202603011600"]


def test_a_run_beyond_its_deadline_is_skipped_and_told() -> None:
    late = HOURLY | {"startingDeadlineSeconds": 60}
    assert created(after(late, timestamp(at(13)), [], at(13, 1))) == ["report-hourly-202603011300"]
    decision = after(late, timestamp(at(13)), [], at(13, 1, 1))
    assert created(decision) == []
    assert [(each.reason, each.message) for each in decision.events] == [
        (
            "RunMissed",
            "the run of 2026-03-01T13:00:00Z of schedule hourly was missed: it could not be made within startingDeadlineSeconds, 60 s",
        )
    ]
    assert entry(decision)["nextRun"] == "2026-03-01T14:00:00Z"


def test_forbid_skips_a_run_while_one_is_active() -> None:
    jobs = [job("report-hourly-202603011300", "Running")]
    decision = after(HOURLY | {"concurrency": "Forbid"}, timestamp(at(14)), jobs, at(14))
    assert decision.steps == ()
    assert decision.events[0].reason == "RunSkipped"
    assert entry(decision)["nextRun"] == "2026-03-01T15:00:00Z"


def test_replace_cancels_the_active_one_and_waits_for_its_end() -> None:
    schedule, jobs = HOURLY | {"concurrency": "Replace"}, [job("report-hourly-202603011300", "Running")]
    (step,) = after(schedule, timestamp(at(14)), jobs, at(14)).steps
    assert isinstance(step, Patch)
    assert step.ref.name == "report-hourly-202603011300"
    stopping = [job("report-hourly-202603011300", "Running", cancel={"reason": "x"})]
    waiting = after(schedule, timestamp(at(14)), stopping, at(14, 0, 5))
    assert waiting.steps == ()
    assert entry(waiting)["nextRun"] == "2026-03-01T14:00:00Z"
    assert "waits until report-hourly-202603011300 has been stopped" in entry(waiting)["message"]
    stopped = [job("report-hourly-202603011300", "Failed", cancel={"reason": "x"})]
    assert created(after(schedule, timestamp(at(14)), stopped, at(14, 0, 9))) == [
        "report-hourly-202603011400"
    ]


def test_a_changed_expression_and_a_lifted_suspension_count_from_now() -> None:
    changed = after(
        HOURLY | {"cron": "5 * * * *"}, timestamp(at(13)), [], at(14), entry={"cron": "0 * * * *"}
    )
    assert (changed.steps, entry(changed)["nextRun"]) == ((), "2026-03-01T14:05:00Z")
    held = after(HOURLY | {"suspend": True}, timestamp(at(13)), [], at(14))
    assert (held.steps, "nextRun" in entry(held)) == ((), False)
    again = decide(facts([HOURLY], held.status), at(15, 30))
    assert (again.steps, entry(again)["nextRun"]) == ((), "2026-03-01T16:00:00Z")


def test_what_came_due_before_the_definition_was_first_seen_is_made_up_for() -> None:
    assert created(decide(facts([HOURLY]), at(13, 10))) == ["report-hourly-202603011300"]


def test_the_newest_that_have_ended_are_kept() -> None:
    jobs = [job(f"report-hourly-2026030110{minute:02}", "Succeeded") for minute in range(5)]
    jobs += [job(f"report-hourly-2026030111{minute:02}", "Failed") for minute in range(2)]
    decision = after(HOURLY | {"keepSucceeded": 2, "keepFailed": 1}, timestamp(at(13)), jobs, at(12, 30))
    assert sorted(step.ref.name for step in decision.steps if isinstance(step, Delete)) == [
        "report-hourly-202603011000",
        "report-hourly-202603011001",
        "report-hourly-202603011002",
        "report-hourly-202603011100",
    ]


def test_one_whose_run_is_not_recorded_yet_is_kept_else_it_would_be_made_again() -> None:
    jobs = [job("report-hourly-202603011300", "Succeeded")]
    decision = after(HOURLY | {"keepSucceeded": 0}, timestamp(at(13)), jobs, at(13, 0, 5))
    assert decision.steps == ()
    later = decide(facts([HOURLY | {"keepSucceeded": 0}], decision.status, jobs), at(13, 0, 6))
    assert [type(step) for step in later.steps] == [Delete]


def test_the_first_run_is_kept_until_the_status_is_first_written() -> None:
    """A crash between the first job and the first status leaves nothing that says that the run was made."""
    jobs = [job("report-hourly-202603011300", "Failed")]
    schedule = HOURLY | {"keepFailed": 0}
    first = decide(facts([schedule], jobs=jobs), at(13, 0, 5))
    assert first.steps == ()
    later = decide(facts([schedule], first.status, jobs), at(13, 0, 6))
    assert [type(step) for step in later.steps] == [Delete]


def test_a_schedule_that_cannot_be_read_is_told_and_holds_no_other() -> None:
    bad = {"name": "bad", "cron": "61 * * * *"}
    decision = decide(facts([bad, HOURLY]), at(13, 10))
    assert created(decision) == ["report-hourly-202603011300"]
    assert decision.status is not None
    ready = decision.status["conditions"][0]
    assert (ready["status"], ready["reason"]) == ("False", "ScheduleInvalid")
    assert ready["message"] == "schedule bad: cron '61 * * * *' cannot be read: bad minute"


def test_a_refused_job_is_told_its_run_stays_due_and_it_comes_after_the_others() -> None:
    other = HOURLY | {"name": "other"}
    refusal = Refusal("NameConflict", "a BatchJob report-hourly-202603011300 exists")
    refused = decide(facts([HOURLY, other], refusal=refusal), at(13, 10))
    told = entry(refused)
    assert (told["message"], told["nextRun"]) == (refusal.message, "2026-03-01T13:00:00Z")
    again = decide(facts([HOURLY, other], refused.status), at(13, 11))
    assert created(again) == ["report-other-202603011300", "report-hourly-202603011300"]


def test_mistakes_in_template_and_parameters_are_told_and_no_revision_is_made() -> None:
    schedule = HOURLY | {"parameters": {"zone": "x"}}
    decision = decide(facts([schedule], template={"args": ["${params.day}"]}, revisions=[]), at(13, 10))
    assert decision.steps == ()
    assert decision.status is not None
    ready = decision.status["conditions"][0]
    assert ready["reason"] == "Invalid"
    assert ready["message"] == (
        "template: args[0] uses the parameter 'day', which is not declared;"
        " schedule hourly: there is no parameter zone (there are none)"
    )


def test_a_change_makes_a_revision_and_the_same_does_not() -> None:
    first = facts([])
    changed = facts([], template={"args": ["x"]}, revisions=first.revisions)
    (step,) = decide(changed, NOON).steps
    assert isinstance(step, Create)
    assert (step.body["metadata"]["name"], step.body["revision"]) == ("report-definition-2", 2)
    assert decide(first, NOON).steps == ()


def test_twenty_revisions_are_kept_and_those_that_run_longer() -> None:
    (body,) = facts([]).revisions
    revisions = [
        body
        | {"revision": number, "metadata": body["metadata"] | {"name": f"r{number}", "uid": f"r{number}"}}
        for number in range(1, 26)
    ]
    decision = decide(facts([], revisions=revisions, pinned=frozenset({2})), NOON)
    assert sorted(step.ref.name for step in decision.steps if isinstance(step, Delete)) == [
        "r1",
        "r3",
        "r4",
        "r5",
    ]
    assert decision.status is not None
    assert decision.status["revision"] == 25


class World(RuleBasedStateMachine):
    """A schedule of every five minutes, its jobs, and an operator that may crash after any write, be away, or be
    told an old status by its cache (it reads the newest before it makes a job)."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.status: Obj = {}
        self.older: Obj = {}
        self.jobs: dict[str, Obj] = {}
        self.made: list[str] = []
        self.schedule: Obj = {"name": "hourly", "cron": "*/5 * * * *", "keepSucceeded": 1, "keepFailed": 0}

    @rule(seconds=some.integers(1, 900))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(concurrency=some.sampled_from(["Allow", "Forbid", "Replace"]))
    def change(self, concurrency: str) -> None:
        self.schedule = self.schedule | {"concurrency": concurrency}

    @rule(stale=some.booleans(), crash_after=some.one_of(some.none(), some.integers(0, 2)))
    def reconcile(self, stale: bool, crash_after: int | None) -> None:
        status, writes = (self.older if stale else self.status), 0
        for _ in range(4):
            decision = decide(facts([self.schedule], status, list(self.jobs.values())), self.now)
            if any(isinstance(step, Create | Patch) for step in decision.steps) and status is not self.status:
                status = self.status
                continue
            for step in decision.steps:
                if writes == crash_after:
                    return
                self._do(step)
                writes += 1
            if not decision.steps:
                break
        if writes != crash_after and status is self.status and not decision.steps:
            self.older, self.status = self.status, decision.status or {}

    def _do(self, step: Any) -> None:
        if isinstance(step, Create):
            name = step.body["metadata"]["name"]
            if name not in self.jobs:
                self.made.append(name)
                self.jobs[name] = job(name)
        elif isinstance(step, Patch):
            self.jobs[step.ref.name]["spec"]["cancel"] = {}
        elif isinstance(step, Delete):
            del self.jobs[step.ref.name]

    @precondition(lambda self: any("status" not in each for each in self.jobs.values()))
    @rule(phase=some.sampled_from(["Succeeded", "Failed"]))
    def a_job_ends(self, phase: str) -> None:
        next(each for each in self.jobs.values() if "status" not in each)["status"] = {"phase": phase}

    @invariant()
    def no_minute_is_run_twice(self) -> None:
        assert len(self.made) == len(set(self.made))

    @invariant()
    def runs_are_made_in_order_and_none_before_its_time(self) -> None:
        assert self.made == sorted(self.made)
        assert not self.made or self.made[-1] <= f"report-hourly-{self.now:%Y%m%d%H%M}"

    @invariant()
    def the_run_that_is_due_is_made_unless_it_is_forbidden(self) -> None:
        if self.schedule.get("concurrency", "Allow") != "Allow" or not self.status:
            return
        before = dict(self.status)
        decision = decide(facts([self.schedule], before, list(self.jobs.values())), self.now)
        due = self.now.replace(minute=self.now.minute // 5 * 5, second=0)
        if before["schedules"][0]["nextRun"] <= timestamp(due):
            name = f"report-hourly-{due:%Y%m%d%H%M}"
            assert name in self.jobs or created(decision) == [name]


World.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestWorld = World.TestCase

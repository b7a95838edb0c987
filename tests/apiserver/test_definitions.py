"""JobDefinitions, their revisions and schedules, against a real API server; the tests play the nodes.

A run that has come due is made by putting the next run of the status back in time, as if the operator had been away.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.apiserver.kube import Kube, Obj, Refused, wait

MINUTE = timedelta(minutes=1)
YEARLY = {"name": "yearly", "cron": "0 0 1 1 *"}


def definition(name: str = "report", schedules: list[Obj] | None = None, **spec: Any) -> Obj:
    template = {"image": "report:1", "size": "Nano", "args": ["${params.day}"]} | spec.pop("template", {})
    body = {"template": template, "parameters": {"day": {"default": "today", "pattern": "[a-z]+"}}} | spec
    body |= {"schedules": schedules} if schedules else {}
    return {
        "apiVersion": "longshore.dev/v1alpha1",
        "kind": "JobDefinition",
        "metadata": {"name": name},
        "spec": body,
    }


def batchjob(name: str, **spec: Any) -> Obj:
    body = {"definition": {"name": "report"}} | spec
    return {
        "apiVersion": "longshore.dev/v1alpha1",
        "kind": "BatchJob",
        "metadata": {"name": name},
        "spec": body,
    }


def ready(kube: Kube, name: str = "report", revision: int = 1) -> Obj:
    def told() -> bool:
        return (
            kube.condition("JobDefinition", name, "Ready")["status"] == "True"
            and kube.status("JobDefinition", name).get("revision") == revision
        )

    wait(told, f"revision {revision} of {name}")
    return kube.status("JobDefinition", name)


def args_of(kube: Kube, job: str) -> list[str]:
    found = wait(lambda: kube.find("Job", job), f"the Job {job}")
    return list(found["spec"]["template"]["spec"]["containers"][0]["args"])


def failed(kube: Kube, name: str) -> Obj:
    wait(lambda: kube.status("BatchJob", name).get("phase") == "Failed", f"{name} has failed")
    return kube.condition("BatchJob", name, "Failed")


@pytest.mark.usefixtures("operator")
class TestDefinition:
    def test_a_job_waits_for_it_and_runs_with_its_parameters(self, kube: Kube) -> None:
        kube.create(batchjob("one", parameters={"day": "monday"}))
        status = wait(lambda: (it := kube.status("BatchJob", "one")).get("waiting") and it, "why it waits")
        assert (status["phase"], status["waiting"]["reason"]) == ("Submitted", "DefinitionMissing")
        assert "there is no JobDefinition report in namespace" in status["waiting"]["message"]
        kube.create(definition())
        assert args_of(kube, "one-1") == ["monday"]
        wait(
            lambda: kube.status("BatchJob", "one").get("definition", {}).get("revision") == 1,
            "its revision",
        )

    def test_a_change_reaches_new_jobs_only(self, kube: Kube) -> None:
        kube.create(definition())
        kube.create(batchjob("held", suspend=True))
        wait(lambda: kube.status("BatchJob", "held").get("definition"), "it is made from revision 1")
        kube.patch("JobDefinition", "report", {"spec": {"template": {"args": ["new", "${params.day}"]}}})
        kube.create(batchjob("new"))
        assert args_of(kube, "new-1") == ["new", "today"]
        kube.patch("BatchJob", "held", {"spec": {"suspend": False}})
        assert args_of(kube, "held-1") == ["today"]
        kube.create(batchjob("old", definition={"name": "report", "revision": 1}))
        assert args_of(kube, "old-1") == ["today"]
        ready(kube, revision=2)
        names = {each["metadata"]["name"] for each in kube.list("ControllerRevision")}
        assert names == {"report-definition-1", "report-definition-2"}

    def test_bad_parameters_fail_it_at_once_in_one_sentence(self, kube: Kube) -> None:
        kube.create(definition())
        for name, parameters, words in (
            ("unknown", {"week": "x"}, "there is no parameter week (there are day)"),
            (
                "mismatch",
                {"day": "secret-4711"},
                "the value of parameter day does not match its pattern [a-z]+",
            ),
        ):
            kube.create(batchjob(name, parameters=parameters))
            told = failed(kube, name)
            assert told["reason"] == "Invalid"
            assert told["message"] == f"{words} (JobDefinition report, revision 1)"
        assert kube.list("Job") == []

    def test_a_mistake_in_it_is_told_and_jobs_wait_until_it_is_mended(self, kube: Kube) -> None:
        kube.create(definition(template={"args": ["${params.dya}"]}))
        wait(lambda: kube.condition("JobDefinition", "report", "Ready")["reason"] == "Invalid", "the mistake")
        message = kube.condition("JobDefinition", "report", "Ready")["message"]
        assert message == "template: args[0] uses the parameter 'dya', which is not declared"
        kube.create(batchjob("one"))
        wait(lambda: kube.status("BatchJob", "one").get("reason") == "DefinitionInvalid", "it waits")
        kube.patch(
            "JobDefinition", "report", {"spec": {"template": {"args": ["$${params.day} ${params.day}"]}}}
        )
        assert args_of(kube, "one-1") == ["${params.day} today"]

    def test_one_of_the_same_name_that_was_made_anew_is_another(self, kube: Kube) -> None:
        kube.create(definition())
        kube.create(batchjob("held", suspend=True))
        wait(lambda: kube.status("BatchJob", "held").get("definition"), "it is made from revision 1")
        kube.delete("JobDefinition", "report")
        wait(lambda: kube.list("ControllerRevision") == [], "its revisions are gone")
        kube.create(definition(template={"args": ["other"]}))
        ready(kube)
        kube.patch("BatchJob", "held", {"spec": {"suspend": False}})
        wait(lambda: kube.status("BatchJob", "held").get("reason") == "DefinitionMissing", "it is not taken")
        assert kube.list("Job") == []

    def test_when_it_is_deleted_a_running_attempt_ends_and_is_not_retried(self, kube: Kube) -> None:
        kube.create(definition(template={"retry": {"attempts": 3, "backoffSeconds": 0}}))
        kube.create(batchjob("one"))
        wait(lambda: kube.status("BatchJob", "one").get("definition"), "its revision")
        pods = "longshore.dev/batchjob=one"
        wait(lambda: kube.list("Pod", pods), "its pod")
        kube.run_pods(pods)
        kube.delete("JobDefinition", "report")
        wait(lambda: kube.list("ControllerRevision") == [], "its revisions are gone")
        wait(lambda: kube.status("BatchJob", "one").get("phase") == "Running", "it still runs")
        kube.end_pods(pods, 3)
        assert failed(kube, "one")["message"].endswith(
            "; JobDefinition report was deleted, so that there is no further attempt"
        )


def due(kube: Kube, run: datetime, name: str = "report", schedule: str = "yearly") -> None:
    """Puts the next run of a schedule back to this time."""
    while True:
        held = kube.get("JobDefinition", name)
        schedules = [
            each | ({"nextRun": run.strftime("%Y-%m-%dT%H:%M:%SZ")} if each["name"] == schedule else {})
            for each in held["status"]["schedules"]
        ]
        body = {
            "metadata": {"resourceVersion": held["metadata"]["resourceVersion"]},
            "status": {"schedules": schedules},
        }
        try:
            kube.patch("JobDefinition", name, body, "status")
        except Refused as refused:
            if refused.status != 409:
                raise
        else:
            return


def scheduled(kube: Kube) -> list[str]:
    return sorted(each["metadata"]["name"] for each in kube.list("BatchJob", "longshore.dev/jobdefinition"))


def minute() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0)


def often(**more: Any) -> Obj:
    """Every minute, so that the latest run that is due is of this minute or the one before."""
    return {"name": "often", "cron": "* * * * *"} | more


def run_now(kube: Kube) -> str:
    """Has the schedule `often` come due, and returns the name of the job that is made."""
    before = set(scheduled(kube))
    due(kube, minute(), schedule="often")
    found = wait(lambda: set(scheduled(kube)) - before, "a job")
    return found.pop()


@pytest.mark.usefixtures("operator")
class TestSchedules:
    def test_it_says_when_it_runs_next_and_makes_up_for_the_latest_missed_run(self, kube: Kube) -> None:
        kube.create(definition(schedules=[YEARLY | {"parameters": {"day": "newyear"}}]))
        status = ready(kube)
        following = f"{datetime.now(UTC).year + 1}-01-01T00:00:00Z"
        assert (status["nextRun"], status["active"]) == (following, 0)
        due(kube, datetime(2020, 1, 1, tzinfo=UTC))
        this_year = f"report-yearly-{datetime.now(UTC).year}01010000"
        assert args_of(kube, f"{this_year}-1") == ["newyear"]
        told = wait(
            lambda: (it := kube.status("JobDefinition", "report")).get("active") == 1 and it, "its run"
        )
        assert told["schedules"][0]["lastJob"] == this_year
        assert told["nextRun"] == following
        assert scheduled(kube) == [this_year]

    def test_a_run_beyond_its_deadline_is_skipped_with_an_event(self, kube: Kube) -> None:
        kube.create(definition(schedules=[YEARLY | {"startingDeadlineSeconds": 60}]))
        ready(kube)
        due(kube, datetime(2020, 1, 1, tzinfo=UTC))
        wait(lambda: any(each["reason"] == "RunMissed" for each in kube.list("Event")), "the event")
        assert scheduled(kube) == []

    def test_replace_cancels_the_running_one_first(self, kube: Kube) -> None:
        kube.create(definition(schedules=[often(concurrency="Replace", suspend=True)]))
        ready(kube)
        old = report_of(kube, minute() - 9 * MINUTE)
        kube.patch("JobDefinition", "report", {"spec": {"schedules": [often(concurrency="Replace")]}})
        wait(lambda: kube.status("JobDefinition", "report").get("nextRun"), "it runs again")
        new = run_now(kube)
        assert kube.status("BatchJob", old)["reason"] == "Cancelled"
        assert new > old

    def test_the_newest_that_have_ended_are_kept(self, kube: Kube) -> None:
        kube.create(definition(schedules=[YEARLY | {"name": "often", "keepFailed": 1}]))
        ready(kube)
        names = [report_of(kube, minute() - number * MINUTE) for number in (9, 8, 7)]
        for name in names:
            kube.patch("BatchJob", name, {"spec": {"cancel": {"reason": "test"}}})
        wait(lambda: scheduled(kube) == [names[-1]], "only the newest is kept")

    def test_an_unreadable_schedule_ends_in_a_condition(self, kube: Kube) -> None:
        kube.create(definition(schedules=[YEARLY | {"timeZone": "Europe/Nowhere"}]))
        wait(
            lambda: kube.condition("JobDefinition", "report", "Ready")["reason"] == "ScheduleInvalid",
            "the condition",
        )
        assert (
            "there is no time zone Europe/Nowhere"
            in kube.condition("JobDefinition", "report", "Ready")["message"]
        )


def report_of(kube: Kube, run: datetime) -> str:
    """A job of the schedule `often`, as it was made for this minute; held, so that it doesn't end."""
    owner = kube.get("JobDefinition", "report")["metadata"]
    name = f"report-often-{run:%Y%m%d%H%M}"
    job = batchjob(name, suspend=True)
    job["metadata"] |= {
        "labels": {"longshore.dev/jobdefinition": "report", "longshore.dev/schedule": "often"},
        "ownerReferences": [{"apiVersion": "longshore.dev/v1alpha1", "kind": "JobDefinition", "name": "report", "uid": owner["uid"], "controller": True}],
    }  # fmt: skip
    kube.create(job)
    return name

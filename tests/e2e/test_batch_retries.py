"""A user says which failures are worth another attempt."""

from __future__ import annotations

from tests.e2e.cluster import Cluster, condition, phase_is
from tests.e2e.objects import TINY, batch_job

QUICK = {"backoffSeconds": 1, "maxBackoffSeconds": 2}


def test_retries_exit_code_rules_and_out_of_memory(namespace: Cluster) -> None:
    namespace.apply(
        batch_job("flaky", "flaky", "3", retry={"attempts": 3, **QUICK}),
        batch_job(
            "hopeless",
            "exit",
            "42",
            retry={"attempts": 5, "rules": [{"exitCodes": [42], "action": "Fail"}], **QUICK},
        ),
        batch_job("stubborn", "exit", "7", retry={"attempts": 2, **QUICK}),
        batch_job(
            "greedy",
            "oom",
            resources={**TINY, "limits": {"memory": "48Mi"}},
            retry={
                "attempts": 2,
                "rules": [
                    {"reasons": ["OOMKilled"], "action": "Retry"},
                    {"reasons": ["Error"], "action": "Fail"},
                ],
                **QUICK,
            },
        ),
    )
    flaky = namespace.wait("BatchJob", "flaky", phase_is("Succeeded"), "succeeds at the third attempt", 90)
    assert [(each["job"], each["exitCode"]) for each in flaky["status"]["attempts"]] == [
        ("flaky-1", 1),
        ("flaky-2", 1),
        ("flaky-3", 0),
    ]

    hopeless = namespace.wait("BatchJob", "hopeless", phase_is("Failed"), "fails at once", 60)
    assert [each["exitCode"] for each in hopeless["status"]["attempts"]] == [42]
    assert "a retry rule says Fail" in condition(hopeless, "Failed")["message"]

    stubborn = namespace.wait("BatchJob", "stubborn", phase_is("Failed"), "fails twice", 60)
    assert [each["exitCode"] for each in stubborn["status"]["attempts"]] == [7, 7]
    assert "attempt 2 of 2 was the last" in condition(stubborn, "Failed")["message"]

    greedy = namespace.wait("BatchJob", "greedy", phase_is("Failed"), "runs out of memory twice", 60)
    attempts = greedy["status"]["attempts"]
    assert [(each["exitCode"], each["reason"], each["memory"]) for each in attempts] == [
        (137, "OOMKilled", "48Mi"),
        (137, "OOMKilled", "48Mi"),
    ]
    assert "limit of 48Mi" in condition(greedy, "Failed")["message"]
    assert len(namespace.list("Job")) == 8, "one Job per attempt"

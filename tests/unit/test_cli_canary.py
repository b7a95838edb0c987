"""What `longshore approve` and `abort` write, and when they have nothing to say."""

from __future__ import annotations

from typing import Any

import pytest
from longshore.cli.canary import NothingToSay, approval, giving_up
from longshore.cli.why import story

from tests.unit.facts import at

Obj = dict[str, Any]


def app(phase: str = "", generation: int = 4, seen: int = 4) -> Obj:
    told = {
        "revision": "3f2a91c07d", "generation": 3, "step": 2, "weight": 50, "phase": phase, "since": at(0),
        "message": "step 2 of 3: 50 % of requests",
    }  # fmt: skip
    condition = {"type": "Ready", "status": "False", "reason": "Canary", "message": "step 2 of 3"}
    status = {"observedGeneration": seen, "conditions": [condition]} | ({"rollout": told} if phase else {})
    metadata = {"name": "shop", "namespace": "prod", "generation": generation}
    return {"kind": "WebApp", "metadata": metadata, "status": status}


@pytest.mark.parametrize("phase", ["AwaitingApproval", "Paused"])
def test_an_approval_names_revision_try_and_step(phase: str) -> None:
    text, effect = approval(app(phase), every_step=False)
    assert (text, effect) == ("3f2a91c07d/3/2", "step 2 of revision 3f2a91c07d may be left")


def test_all_steps_are_approved_at_once_also_while_replicas_start() -> None:
    assert approval(app("GettingReady"), every_step=True)[0] == "3f2a91c07d/3/all"


def test_a_try_is_given_up_with_a_reason_or_without() -> None:
    assert giving_up(app("Paused"), "too slow")[0] == "3f2a91c07d/3 too slow"
    assert giving_up(app("GettingReady"), "")[0] == "3f2a91c07d/3"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (app("GettingReady"), "no step waits: step 2 of 3: 50 % of requests. To skip all that are left: --all"),
        (app(), "no revision of shop is tried just now"),
        (app("Aborted"), "Change the spec to try again"),
        (app("Paused", seen=3), "the operator has not seen the newest spec yet"),
    ],
)  # fmt: skip
def test_where_there_is_nothing_to_approve_it_is_told(found: Obj, words: str) -> None:
    with pytest.raises(NothingToSay, match=words.replace(".", "\\.")):
        approval(found, every_step=False)


def test_why_tells_the_step() -> None:
    assert "  Rollout of revision 3f2a91c07d: Paused, step 2 of 3: 50 % of requests" in story(app("Paused"))

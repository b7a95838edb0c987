"""What the API server's refusal of a child means to the user."""

from __future__ import annotations

import pytest
from longshore.cluster.apply import refusal_of
from longshore.cluster.client import ApiError
from longshore.cluster.resources import DEPLOYMENTS

DENIED = "a policy of the cluster refuses Deployment shop: {}. Change the spec as it asks, or have the policy changed"
OF_POLICY = "deployments.apps \"shop\" is forbidden: ValidatingAdmissionPolicy 'team' with binding 'team' denied request: no label"
OF_WEBHOOK = 'admission webhook "team.example.com" denied the request: no label'


@pytest.mark.parametrize(
    ("status", "words", "reason", "message"),
    [
        (422, OF_POLICY, "ApiDenied", DENIED.format(OF_POLICY)),
        (400, OF_WEBHOOK, "ApiDenied", DENIED.format(OF_WEBHOOK)),
        (
            403,
            "exceeded quota: few",
            "QuotaExceeded",
            "the namespace's quota leaves no room for Deployment shop: exceeded quota: few. Wait until others are gone, or have"
            " the quota raised",
        ),
        (
            422,
            "spec.replicas: no",
            "Invalid",
            "the API server finds Deployment shop invalid: spec.replicas: no. Correct the spec",
        ),
        (
            403,
            "User x cannot create",
            "ApiDenied",
            "the API server denies Deployment shop: User x cannot create",
        ),
    ],
)
def test_a_refusal_says_whose_it_is_and_what_to_do(
    status: int, words: str, reason: str, message: str
) -> None:
    refused = refusal_of(ApiError(status, {"message": words}, "post", "/"), DEPLOYMENTS, "shop")
    assert refused is not None
    assert (refused.reason, refused.message) == (reason, message)


def test_an_error_of_the_server_is_no_refusal() -> None:
    assert refusal_of(ApiError(500, {"message": "x"}, "post", "/"), DEPLOYMENTS, "shop") is None

"""AWS Batch: job queues, compute environments and scheduling policies, as created or described."""

from __future__ import annotations

from collections.abc import Sequence

from longshore.convert.draft import Draft, KindName, Obj, Options, named, object_name
from longshore.convert.reader import Reader

LISTS = {
    "jobQueues": "jobQueueName",
    "computeEnvironments": "computeEnvironmentName",
    "schedulingPolicies": "fairsharePolicy",
}
"""What describe commands call the list → what is written in each of its items."""
QUEUE_HINTS = {
    "jobStateTimeLimitActions": "set timeouts.queuedSeconds on the jobs",
    "schedulingPolicyArn": "convert it together with the queue: aws batch describe-scheduling-policies",
    "serviceEnvironmentOrder": "jobs of SageMaker aren't run here",
    "tags": "what still matters goes into labels or annotations",
}
ENVIRONMENT_HINTS = {
    "computeResources": "nodes are the cluster's: its autoscaler says of which kind, where and how many",
    "computeResources.minvCpus": "nodes are kept by the cluster's autoscaler, not by an environment",
    "computeResources.instanceTypes": "choose nodes by placement.nodeLabels: node.kubernetes.io/instance-type",
    "computeResources.maxvCpus": "write it to capacity.maxCpu",
    "eksConfiguration": "jobs run in the cluster and the namespace that they are applied to",
    "tags": "what still matters goes into labels or annotations",
    "updatePolicy": "nodes are updated by whoever runs the cluster",
}
POLICY_HINTS = {
    "fairsharePolicy.computeReservation": "no part is kept for shares that ask for nothing",
    "tags": "what still matters goes into labels or annotations",
}
_STATE = (
    "jobQueueArn", "status", "statusReason", "jobQueueType", "computeEnvironmentArn", "ecsClusterArn", "uuid",
    "containerOrchestrationType", "serviceRole", "arn",
)  # fmt: skip
_CAPACITY = {"SPOT": "Spot", "FARGATE_SPOT": "Spot", "EC2": "OnDemand", "FARGATE": "OnDemand"}


def items(root: Reader) -> list[Reader]:
    """The queues, environments and policies of a document."""
    described = [each for name in LISTS for each in root[name].items()]
    return [each for each in [*described, root] if any(each[key] for key in LISTS.values())]


def convert(found: Sequence[Reader], options: Options) -> list[Draft]:
    """A JobQueue for each queue, with its policy, and a ComputeEnvironment for each environment."""
    policies = {each["arn"].peek: each for each in found if each["fairsharePolicy"]}
    for each in found:
        for key in _STATE:
            each[key].needless("what Batch itself keeps")
    drafts = [_environment(each) for each in found if each["computeEnvironmentName"]]
    drafts += [_queue(each, policies) for each in found if each["jobQueueName"]]
    for each in policies.values():
        if each["fairsharePolicy"].untouched:
            each["fairsharePolicy"].leave("no queue in the files uses it")
    return [each for each in drafts if each is not None]


def reference(kind: KindName, where: Reader) -> str | None:
    """The name of an object that a name or an ARN leads to."""
    text = where.text()
    if text is None:
        return None
    given = text.rpartition("/")[2]
    name = object_name(kind, given)
    if name != given:
        where.changed(f"{given} is no name for a {kind}: it is called {name}")
    return name


def share_name(where: Reader) -> str | None:
    """A share identifier; names are in lower case here."""
    text = where.text()
    if text is not None and text != text.lower():
        where.changed(f"names are in lower case: it is called {text.lower()}, in queue and jobs")
    return text.lower() if text is not None else None


def _environment(environment: Reader) -> Draft | None:
    environment.hints(ENVIRONMENT_HINTS)
    name, type_, state = (environment[key] for key in ("computeEnvironmentName", "type", "state"))
    draft = named("ComputeEnvironment", name, Options(), "environment")
    resources = environment["computeResources"]
    if type_.peek == "UNMANAGED":
        type_.take()
        draft.put("type", "Unmanaged", type_)
        environment["unmanagedvCpus"].needless("what its nodes have is seen from the nodes")
    else:
        type_.holds("MANAGED")
        most = resources["maxvCpus"]
        if not draft.put("capacity.maxCpu", most.number(), most):
            name.leave("it has no maxvCpus: write a ComputeEnvironment with the capacity that it is to have")
            return None
    if state.peek == "DISABLED":
        draft.put("state", "Disabled", state)
        state.take()
    state.holds("ENABLED")
    draft.put("placement.capacity", resources["type"].read(_CAPACITY.get), resources["type"])
    for key in ("desiredvCpus", "allocationStrategy"):
        resources[key].needless("the cluster's autoscaler decides")
    return draft


def _queue(queue: Reader, policies: dict[str, Reader]) -> Draft | None:
    queue.hints(QUEUE_HINTS)
    name, state, order = (queue[key] for key in ("jobQueueName", "state", "computeEnvironmentOrder"))
    draft = named("JobQueue", name, Options(), "queue")
    # A queue that is disabled takes nothing new, and its jobs still run.
    if state.peek == "DISABLED":
        draft.put("state", "Draining", state)
        state.take()
    state.holds("ENABLED")
    draft.put("priority", queue["priority"].number(), queue["priority"])
    wanted = sorted(order.items(), key=lambda each: each["order"].number() or 0)
    found = [reference("ComputeEnvironment", each["computeEnvironment"]) for each in wanted]
    if not draft.put("computeEnvironments", [each for each in found if each], order):
        name.leave("it has no compute environments: write a JobQueue over those that it is to use")
        return None
    arn = queue["schedulingPolicyArn"]
    if (policy := policies.get(arn.peek)) is not None:
        arn.needless("names the policy")
        _shares(draft, policy)
    return draft


def _shares(draft: Draft, policy: Reader) -> None:
    policy.hints(POLICY_HINTS)
    policy["name"].needless("a queue has its shares in itself")
    fair = policy["fairsharePolicy"]
    decay, shares = fair["shareDecaySeconds"], fair["shareDistribution"]
    if draft.put("fairShare.halfLifeSeconds", decay.number() or None, decay):
        decay.changed("what a share has used counts half after this time, rather than not at all")
    made: list[Obj] = []
    for each in shares.items():
        factor = each["weightFactor"]
        share, number = share_name(each["shareIdentifier"]), factor.read(_factor)
        weight = max(1, min(1000, round(1 / number))) if number else 1
        if factor and number and abs(weight * number - 1) > 0.001:
            factor.changed(f"weights are whole, and larger for more: {weight}")
        if share:
            made.append({"name": share, "weight": weight})
    draft.put("fairShare.shares", made, shares)
    if not draft.get("fairShare"):
        draft.spec["fairShare"] = {}


def _factor(text: str) -> float | None:
    """A weight factor: shares with a smaller one get more."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if 0 < found < float("inf") else None

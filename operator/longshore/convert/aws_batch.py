"""AWS Batch: job definitions as registered or described, the job that is submitted from one, and its queue."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

from longshore.convert import aws_batch_queues as queues
from longshore.convert.aws_container import read_container, read_variable
from longshore.convert.draft import ACCOUNT, Draft, Obj, Options, named
from longshore.convert.kubernetes.pod import read_pod
from longshore.convert.reader import Reader
from longshore.convert.units import cpu_of_cores, memory_of_mib
from longshore.workload.pod import SIZES

HINTS = {
    "type": "only jobs of one container are converted",
    "shareIdentifier": "a share is a part of a queue, and no queue is named",
    "dependsOn": "convert the jobs that it names together with it, by aws batch describe-jobs, or write the names of those BatchJobs to dependsOn",
    "nodeProperties": "the nodes of a job are alike: choose what each does by LONGSHORE_NODE_INDEX, and write one container for all",
    "nodeProperties.mainNode": "the main node is that of index 0",
    "nodeOverrides": "write the changes into the job definition",
    "consumableResourceProperties": "limit how many run by a ResourceQuota",
    "consumableResourcePropertiesOverride": "limit how many run by a ResourceQuota",
    "tags": "what still matters goes into labels or annotations",
    "propagateTags": "what still matters goes into labels or annotations",
    "parameters": "no Ref:: in the command asks for it",
    "containerOverrides.instanceType": "choose nodes by placement.nodeLabels",
    "ecsPropertiesOverride": "write the changes into the job definition",
    "eksPropertiesOverride": "write the changes into the job definition",
    "retryStrategy.evaluateOnExit": "write rules by exitCodes, or by reasons: OOMKilled, Evicted, NodeLost, Preempted, Error",
}
CONTAINER_HINTS = {
    "jobRoleArn": ACCOUNT,
    "taskRoleArn": ACCOUNT,
    "ipcMode": "a pod's memory is its own",
    "pidMode": "a pod's processes are its own",
    "executionRoleArn": "the nodes pull images; for a registry that they may not read, set imagePullSecrets",
    "instanceType": "choose nodes by placement.nodeLabels: node.kubernetes.io/instance-type",
    "networkConfiguration": "pods are in the cluster's network and reach what it reaches",
    "fargatePlatformConfiguration": "nodes of any kind will do",
    "enableExecuteCommand": "kubectl exec does it, for those who may",
    "ephemeralStorage": "set resources.limits.ephemeral-storage, or an emptyDir volume with a sizeLimit",
    "runtimePlatform.operatingSystemFamily": "there are only Linux containers",
}
_STATE = (
    "jobDefinitionArn", "revision", "status", "jobArn", "jobId", "statusReason", "createdAt", "startedAt", "stoppedAt",
    "attempts", "isCancelled", "isTerminated", "eksAttempts", "nodeDetails", "containerOrchestrationType",
)  # fmt: skip
_CONTAINER_STATE = (
    "exitCode",
    "reason",
    "containerInstanceArn",
    "taskArn",
    "logStreamName",
    "networkInterfaces",
)
_ARCHITECTURES = {"X86_64": "amd64", "ARM64": "arm64"}
_ACTIONS = {"retry": "Retry", "exit": "Fail"}
_REASONS = ("OOMKilled", "Evicted", "NodeLost", "Preempted", "Error")
_LOST_NODE = ["Evicted", "NodeLost", "Preempted"]
_REF = re.compile(r"Ref::([A-Za-z0-9_-]+)")


def recognises(content: object) -> bool:
    """Whether this is a job definition, a job, a queue or what belongs to one, or a list of them."""
    return isinstance(content, dict) and bool(
        {
            "jobDefinitionName",
            "jobDefinitions",
            "jobDefinition",
            "jobs",
            *queues.LISTS,
            *queues.LISTS.values(),
        }
        & content.keys()
    )


def convert(roots: Sequence[Reader], options: Options) -> list[Draft]:
    """One job for each submission, with its definition; for a definition that nobody submits, one as it stands."""
    definitions: list[Reader] = []
    jobs: list[Reader] = []
    around = [each for root in roots for each in queues.items(root)]
    for root in roots:
        if any(root[key] for key in (*queues.LISTS, *queues.LISTS.values())):
            continue
        described = [*root["jobDefinitions"].items(), *root["jobs"].items()]
        for each in described or [root]:
            (definitions if each["jobDefinitionName"] else jobs).append(each)
    drafts: list[Draft | None] = [*queues.convert(around, options)]
    submitted: list[tuple[Reader, Draft]] = []
    used: list[Reader] = []
    for job in jobs:
        definition = next((each for each in definitions if _is_of(job, each)), None)
        used += [definition] if definition else []
        draft = _converted(job["jobName"], [job, definition] if definition else [job], options)
        drafts.append(draft)
        submitted += [(job, draft)] if draft is not None else []
    by_id = {job["jobId"].peek: draft for job, draft in submitted}
    for job, draft in submitted:
        _dependencies(draft, job, by_id)
    drafts += [
        _converted(each["jobDefinitionName"], [each], options) for each in definitions if each not in used
    ]
    return [each for each in drafts if each is not None]


def _is_of(job: Reader, definition: Reader) -> bool:
    wanted = job["jobDefinition"].peek.rpartition("/")[2]
    name, revision = definition["jobDefinitionName"].peek, definition["revision"].peek
    return wanted in (name, f"{name}:{revision}") or (not revision and wanted.startswith(f"{name}:"))


def _converted(name: Reader, parts: Sequence[Reader], options: Options) -> Draft | None:
    """`parts` are the submission and the definition, or one of them; the first that says something holds."""
    for part in parts:
        part.hints(HINTS)
        for key in _STATE:
            part[key].needless("what Batch itself keeps")
        part["platformCapabilities"].needless("nodes of any kind will do")
        part["type"].holds("container")
        if _range(part) is not None:
            part["type"].holds("multinode")
        part["jobDefinition"].needless("names the job definition")
        if part["jobDefinitionName"].path != name.path:
            part["jobDefinitionName"].needless("the job's name is taken")
    described = next((part for part in reversed(parts) if _describes_container(part)), None)
    if described is None:
        name.leave(
            "it has no container that is converted: add its job definition, by aws batch describe-job-definitions"
        )
        return None
    draft = named("BatchJob", name, options, "job")
    _overrides(draft, parts[0]["containerOverrides"])
    fargate = any(each.peek == "FARGATE" for part in parts for each in part["platformCapabilities"].items())
    _read_container(draft, described, fargate, options)
    _parameters(draft, parts)
    size = parts[0]["arrayProperties"]["size"]
    if draft.put("array.size", size.number(), size):
        size.changed("the index is in LONGSHORE_ARRAY_INDEX, not in AWS_BATCH_JOB_ARRAY_INDEX")
    parts[0]["arrayProperties"].hints({"*": "what Batch itself keeps"})
    _nodes(draft, parts)
    _queue(draft, parts)
    _retry(draft, _first(parts, "retryStrategy"))
    seconds = _first(parts, "timeout")["attemptDurationSeconds"]
    draft.put("timeouts.attemptSeconds", seconds.number(), seconds)
    return draft


def _queue(draft: Draft, parts: Sequence[Reader]) -> None:
    """Where the job waits. A priority of the submission goes over that of the definition."""
    job = parts[0]
    queued = draft.put("queue", queues.reference("JobQueue", job["jobQueue"]), job["jobQueue"])
    said = [job["schedulingPriorityOverride"], *(part["schedulingPriority"] for part in parts)]
    priorities = [each for each in said if each]
    for each in priorities[:1]:
        draft.put("priority", each.number(), each)
    for each in priorities[1:]:
        each.needless("the submission says otherwise")
    if queued and job["shareIdentifier"]:
        draft.put("share", queues.share_name(job["shareIdentifier"]), job["shareIdentifier"])


def _dependencies(draft: Draft, job: Reader, known: Mapping[str, Draft]) -> None:
    """Jobs are named by ids, which lead to names where those jobs are converted as well."""
    made: list[Obj] = []
    for each in job["dependsOn"].items():
        type_, other = each["type"], known.get(each["jobId"].peek)
        pairs = other is not None and draft.get("array") and other.get("array") == draft.get("array")
        if type_.peek == "N_TO_N" and not pairs:
            type_.leave(
                "it waits for the whole of the other: index by index both have to be arrays of one size"
            )
        if type_.peek == "SEQUENTIAL" and not each["jobId"] and draft.get("array"):
            type_.take()
            made.append({"type": "Sequential"})
        elif other is not None and other is not draft:
            each["jobId"].take()
            made.append(
                {"name": other.name} | ({"type": "EachToEach"} if type_.peek == "N_TO_N" and pairs else {})
            )
            if type_.peek == "N_TO_N" and pairs:
                type_.take()
    draft.put("dependsOn", made, job["dependsOn"])


def _first(parts: Sequence[Reader], key: str) -> Reader:
    """The first part that says it; what the others say of it is overridden."""
    said = [part[key] for part in parts if part[key]]
    for each in said[1:]:
        each.needless("the submission says otherwise")
    return said[0] if said else parts[0][key]


def _plain(part: Reader) -> Reader:
    alike = _range(part)
    return (
        part["containerProperties"]
        or part["container"]
        or (alike["container"] if alike else part["container"])
    )


def _range(part: Reader) -> Reader | None:
    """The description of all nodes of a job; None where they differ, or where there is one node."""
    ranges, count = (
        part["nodeProperties"]["nodeRangeProperties"].items(),
        part["nodeProperties"]["numNodes"].peek,
    )
    if len(ranges) != 1 or not count.isdecimal():
        return None
    last = str(int(count) - 1)
    return ranges[0] if ranges[0]["targetNodes"].peek in ("0:", f"0:{last}", f":{last}") else None


def _nodes(draft: Draft, parts: Sequence[Reader]) -> None:
    for part in parts:
        alike, nodes = _range(part), part["nodeProperties"]
        if alike is None or not draft.put("nodes.count", nodes["numNodes"].number(), nodes["numNodes"]):
            continue
        alike["targetNodes"].needless("all of them")
        nodes["mainNode"].holds(0)
        nodes["numNodes"].changed(
            "nodes find their number, how many they are and the first one's name in LONGSHORE_NODE_INDEX, _NODE_COUNT and"
            " _MAIN_ADDRESS, not in AWS_BATCH_JOB_…"
        )


def _task(part: Reader) -> Reader:
    """The task around containers; an empty place where there is none."""
    return next(iter(part["ecsProperties"]["taskProperties"].items()), part["ecsProperties"])


def _pod(part: Reader) -> Reader:
    return part["eksProperties"]["podProperties"]


def _describes_container(part: Reader) -> bool:
    plain = isinstance(_plain(part).value, dict)
    return plain or bool(_task(part)["containers"].items() or _pod(part)["containers"].items())


def _read_container(draft: Draft, part: Reader, fargate: bool, options: Options) -> None:
    """The container itself, of a task with one container, or of a pod."""
    plain, task, pod = _plain(part), _task(part), _pod(part)
    if plain:
        plain.hints(CONTAINER_HINTS)
        _read_plain(draft, plain, plain, fargate, options)
    elif containers := task["containers"].items():
        task.hints(CONTAINER_HINTS)
        _read_plain(draft, task, containers[0], fargate, options)
        for each in containers[1:]:
            each.leave("a job has one container")
    else:
        read_pod(draft, pod["metadata"], pod, pod["containers"].items()[0], options)


def _read_plain(draft: Draft, task: Reader, container: Reader, fargate: bool, options: Options) -> None:
    """`task` holds volumes, roles and platform: the container itself, or the task around it."""
    read_container(draft, container, task["volumes"], options)
    for key in _CONTAINER_STATE:
        container[key].needless("what Batch itself keeps")
    platform = task["runtimePlatform"]
    architecture = platform["cpuArchitecture"]
    draft.put("placement.architecture", architecture.read(_ARCHITECTURES.get), architecture)
    platform["operatingSystemFamily"].holds("LINUX")
    for key in ("fargatePlatformConfiguration", "platformVersion"):
        task[key].needless("nodes of any kind will do")
    task["networkConfiguration"]["assignPublicIp"].holds("DISABLED")
    task["enableExecuteCommand"].holds(False)
    _amounts(draft, container, fargate)


def _amounts(draft: Draft, container: Reader, fargate: bool) -> None:
    """vCPUs are a share on EC2 and a limit on Fargate; memory is a limit on both."""
    asked = {each["type"].peek: each for each in container["resourceRequirements"].items()}
    cpu, memory = (
        asked[kind]["value"] if kind in asked else container[old]
        for kind, old in (("VCPU", "vcpus"), ("MEMORY", "memory"))
    )
    if draft.get("size") or draft.get("resources.requests"):
        for kind, old in (("VCPU", cpu), ("MEMORY", memory)):
            asked.get(kind, old).needless("the submission says otherwise")
        return
    for kind in ("VCPU", "MEMORY"):
        if kind in asked:
            asked[kind]["type"].take()
    cpu_amount, memory_amount = cpu.read(cpu_of_vcpus), memory.read(memory_of_mib)
    if cpu_amount or memory_amount:
        limited = fargate or (cpu_amount, memory_amount) in SIZES.values()
        draft.amounts(cpu_amount, memory_amount, cpu or memory, limited)


def _overrides(draft: Draft, overrides: Reader) -> None:
    """What the submission says instead of the definition; the container is read after it, and knows."""
    draft.put("args", overrides["command"].texts(), overrides["command"])
    for each in overrides["environment"].items():
        read_variable(draft, each)
    _amounts(draft, overrides, fargate=False)


def _parameters(draft: Draft, parts: Sequence[Reader]) -> None:
    """Puts parameters in place of Ref::name in the command."""
    values: dict[str, str] = {}
    asked = {name for word in draft.get("args") or () for name in _REF.findall(word)}
    for part in parts:
        for name, each in part["parameters"].fields():
            if name in asked and (text := each.text()) is not None:
                if name in values:
                    each.needless("the submission says otherwise")
                values.setdefault(name, text)
    args = [_REF.sub(lambda found: values.get(found[1], found[0]), word) for word in draft.get("args") or ()]
    source = draft.sources.get("args", draft.source)
    draft.put("args", args, source)
    for name in sorted(asked - values.keys()):
        source.missing(f"Ref::{name} has no value: write one in its place")


def _retry(draft: Draft, strategy: Reader) -> None:
    draft.put("retry.attempts", strategy["attempts"].number(), strategy["attempts"])
    for each in strategy["evaluateOnExit"].items():
        rule = _rule(each)
        if rule and draft.put("retry.rules", [*(draft.get("retry.rules") or []), rule], each):
            each.take()


def _rule(condition: Reader) -> Obj | None:
    """A condition as the contract has it; None where it can't say that. Takes nothing."""
    said = {key: each.peek for key, each in condition.fields() if key != "action"}
    action = _ACTIONS.get(condition["action"].peek.lower())
    if action is None or len(said) != 1:
        return None
    ((kind, pattern),) = said.items()
    if pattern == "*" and kind in ("onReason", "onStatusReason", "onExitCode"):
        return {"reasons": list(_REASONS), "action": action}
    if kind == "onExitCode" and pattern.isdecimal() and pattern != "0":
        return {"exitCodes": [int(pattern)], "action": action}
    if kind == "onStatusReason" and pattern.startswith("Host EC2"):
        return {"reasons": _LOST_NODE, "action": action}
    if kind == "onReason" and pattern.startswith("OutOfMemory"):
        return {"reasons": ["OOMKilled"], "action": action}
    return None


def cpu_of_vcpus(text: str) -> str | None:
    """`0.25`, `2` → `250m`, `2`."""
    return cpu_of_cores(Fraction(text)) if re.fullmatch(r"\d+(\.\d+)?", text) else None

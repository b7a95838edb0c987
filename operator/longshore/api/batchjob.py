"""BatchJob: work that ends."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from longshore.api.base import DnsLabel, ListMap, ListType, Model, Quantity, Rule, left_to_the_definition
from longshore.api.common import CONTAINER_RULES, Conditions, ContainerFields, ImageReference
from longshore.api.parameters import ParameterValues
from longshore.api.ranges import Ranges, highest, indexes_of

FailureReason = Literal["OOMKilled", "Evicted", "NodeLost", "Preempted", "Error"]


class Array(Model):
    """Many pods of one job, each with its index."""

    size: Annotated[int, Field(ge=2, le=10000)] = Field(
        description="Number of indexes, from 2 to 10000. Each pod finds its own, from 0, in LONGSHORE_ARRAY_INDEX."
    )
    max_parallel: Annotated[int, Field(ge=1, le=10000)] | None = Field(
        default=None, description="Pods that run at once. Default: all."
    )
    indexes: Ranges | None = Field(
        default=None,
        description="Run only these of the indexes, as ranges such as 3,7-9; each keeps its number. Default: all.",
    )

    @model_validator(mode="after")
    def _indexes_exist(self) -> Self:
        if self.indexes and highest(self.indexes) >= self.size:
            raise ValueError(
                f"indexes begin at 0 and end below size: there is no {highest(self.indexes)} of {self.size}"
            )
        return self


class Nodes(Model):
    """A gang: pods that run at the same time and reach each other by name, all or none."""

    count: Annotated[int, Field(ge=2, le=256)] = Field(
        description="Number of pods, from 2 to 256. Each finds LONGSHORE_NODE_INDEX, from 0, LONGSHORE_NODE_COUNT, and the host name of index 0 in LONGSHORE_MAIN_ADDRESS."
    )
    start_seconds: Annotated[int, Field(ge=10, le=86400)] = Field(
        default=600,
        description="Seconds, up to half as many more by chance, for which some pods keep nodes while others find none; then all give theirs back and the gang tries again later. Default: 600.",
    )


class MemoryGrowth(Model):
    """More memory for the attempt after one that ran out of it."""

    # The rule is for 1, which an API server takes to be no less than a minimum of 1.1: it compares whole numbers.
    factor: Annotated[
        float, Field(ge=1.1, le=4), Rule("self >= 1.1", "write a factor from 1.1 to 4, such as 1.5")
    ] = Field(
        description="An attempt that was OOMKilled is followed by one with its memory, request and limit, times this, from 1.1 to 4."
    )
    max: Quantity = Field(description="The memory limit grows up to this, such as 16Gi.")


class SuccessPolicy(Model):
    """When an array is done before every index is."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.succeededCount) || has(self.succeededIndexes) || has(self.maxFailedIndexes)",
            "set succeededCount, succeededIndexes or maxFailedIndexes, or leave out successPolicy",
        ),
    )
    succeeded_count: Annotated[int, Field(ge=1, le=10000)] | None = Field(
        default=None,
        description="Done, and succeeded, once so many indexes have succeeded, of succeededIndexes if those are set; pods that still run are stopped. Default: all.",
    )
    succeeded_indexes: Ranges | None = Field(
        default=None,
        description="Done, and succeeded, once these have succeeded, as ranges such as 0,5-9. Default: any of them count.",
    )
    max_failed_indexes: Annotated[int, Field(ge=0, le=10000)] | None = Field(
        default=None,
        description="Done, and failed, once more indexes than this have failed, without waiting for the others. Default: all run.",
    )


class RetryRule(Model):
    """What to do after an attempt that failed in this way."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.exitCodes) != has(self.reasons)", "set exactly one of exitCodes and reasons"),
    )
    exit_codes: (
        Annotated[
            list[Annotated[int, Field(ge=1, le=255)]], Field(min_length=1, max_length=50), ListType("set")
        ]
        | None
    ) = Field(default=None, description="Exit codes of the container that this rule is for, from 1 to 255.")
    reasons: Annotated[list[FailureReason], Field(min_length=1, max_length=5), ListType("set")] | None = (
        Field(
            default=None,
            description="Ways to fail that this rule is for: OOMKilled, Evicted, NodeLost, Preempted, or Error for any other.",
        )
    )
    action: Literal["Retry", "Fail"] = Field(
        description="Retry, or Fail at once. Retry for Evicted, NodeLost or Preempted costs no attempt."
    )


class Retry(Model):
    """How often, and after what, a failed attempt is followed by another."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.backoffSeconds <= self.maxBackoffSeconds",
            "backoffSeconds must not be above maxBackoffSeconds: lower it or raise maxBackoffSeconds",
        ),
    )
    attempts: Annotated[int, Field(ge=1, le=10)] = Field(
        default=1, description="Attempts in all, for an array per index, from 1 to 10. Default: 1."
    )
    when: Annotated[list[RetryRule], Field(max_length=5), ListType("atomic")] = Field(
        default=[],
        alias="rules",
        description="The first rule that matches decides; without a match a failure is retried while attempts are left.",
    )
    backoff_seconds: Annotated[int, Field(ge=0, le=3600)] = Field(
        default=10,
        description="Seconds before the second attempt; doubled each time. Arrays: Kubernetes' own 10 s. Default: 10.",
    )
    max_backoff_seconds: Annotated[int, Field(ge=0, le=86400)] = Field(
        default=360, description="Seconds between attempts at most. Default: 360."
    )


class Timeouts(Model):
    """How long things may take."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.totalSeconds) || !has(self.attemptSeconds) || self.attemptSeconds <= self.totalSeconds",
            "attemptSeconds must not be above totalSeconds: lower it or raise totalSeconds",
        ),
    )
    attempt_seconds: Annotated[int, Field(ge=1, le=2592000)] | None = Field(
        default=None, description="Seconds that one attempt may run. Default: no limit."
    )
    queued_seconds: Annotated[int, Field(ge=1, le=2592000)] | None = Field(
        default=None,
        description="Seconds from submission until the first container runs; time suspended or waiting for dependencies counts. Default: no limit.",
    )
    total_seconds: Annotated[int, Field(ge=1, le=2592000)] | None = Field(
        default=None,
        description="Seconds from submission to the end, waiting and every attempt included. Default: no limit.",
    )


class Cancel(Model):
    """Ends the job for good."""

    reason: Annotated[str, Field(min_length=1, max_length=256)] = Field(
        description="Why, for those who look later."
    )


class Dependency(Model):
    """What has to end before the job starts."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.type == 'Sequential' ? !has(self.name) : has(self.name)",
            "name the BatchJob to wait for; type: Sequential is about the array itself and takes no name",
        ),
    )
    name: DnsLabel | None = Field(
        default=None, description="The BatchJob to wait for, in the same namespace. It may be created later."
    )
    when: Literal["Succeeded", "Completed"] = Field(
        default="Succeeded",
        description="Succeeded: a failure of the other fails this one. Completed: its end is enough. Default: Succeeded.",
    )
    type: Literal["Job", "EachToEach", "Sequential"] = Field(
        default="Job",
        description="Job: another BatchJob as a whole. EachToEach: index i of this array after index i of the other, of the same "
        "size; where that fails this one isn't run, with when: Completed it is. Sequential: index i of this array after index "
        "i-1; a failed index ends the array, with when: Completed it doesn't. Default: Job.",
    )


class DefinitionRef(Model):
    """A JobDefinition that the job is made from."""

    name: DnsLabel = Field(description="Name of the JobDefinition, in the same namespace.")
    revision: Annotated[int, Field(ge=1, le=2147483647)] | None = Field(
        default=None,
        description="Which revision. Default: the latest when the job is first looked at; later changes don't reach it.",
    )


_FIXED = (
    "definition", "parameters", "dependsOn",
    "image", "command", "args", "env", "envFrom", "files", "volumes", "size", "resources", "placement", "security",
    "serviceAccountName", "imagePullSecrets", "labels", "annotations", "terminationGracePeriodSeconds", "array", "nodes", "retry", "memoryGrowth",
    "timeouts", "successPolicy", "queue", "share",
)  # fmt: skip


def _fixed(field: str) -> Rule:
    return Rule(
        f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})",
        f"{field} cannot be changed after creation: delete the BatchJob and create it again",
    )


_SHAPE_RULES = (
    Rule(
        "!has(self.array) || !has(self.nodes)",
        "set at most one of array and nodes: the pods of an array are independent, those of nodes run together",
    ),
    Rule(
        "!has(self.memoryGrowth) || !has(self.array)",
        "memoryGrowth is not for arrays, whose indexes are retried as they are: raise size or resources.limits.memory",
    ),
    Rule(
        "!has(self.memoryGrowth) || (has(self.retry) && self.retry.attempts > 1)",
        "memoryGrowth needs another attempt to grow in: set retry.attempts to 2 or more",
    ),
    Rule(
        "!has(self.memoryGrowth) || !has(self.resources) || !has(self.resources.limits) || !has(self.resources.limits.memory)"
        " || quantity(string(self.memoryGrowth.max)).isGreaterThan(quantity(string(self.resources.limits.memory)))",
        "memoryGrowth.max must be above resources.limits.memory: raise max, or leave out memoryGrowth",
    ),
    Rule(
        "!has(self.successPolicy) || has(self.array)",
        "successPolicy is for arrays: set array, or leave out successPolicy",
    ),
    Rule(
        "!has(self.successPolicy) || !has(self.array) || [has(self.successPolicy.succeededCount) ? self.successPolicy.succeededCount : 1,"
        " has(self.successPolicy.maxFailedIndexes) ? self.successPolicy.maxFailedIndexes : 0].all(number, number <= self.array.size)",
        "successPolicy speaks of more indexes than array.size: lower succeededCount and maxFailedIndexes",
    ),
)


class JobTemplate(ContainerFields):
    """What a batch job runs, and how: the part that a JobDefinition keeps."""

    rules: ClassVar[tuple[Rule, ...]] = (*CONTAINER_RULES, *_SHAPE_RULES)

    array: Array | None = Field(
        default=None, description="Many pods of one job, each with its index. Default: one pod."
    )
    nodes: Nodes | None = Field(
        default=None,
        description="A gang: pods that run at the same time and reach each other by name, all or none. Default: one pod.",
    )
    retry: Retry = Field(
        default=Retry(),
        description="How often, and after what, a failed attempt is followed by another. Default: one attempt.",
    )
    memory_growth: MemoryGrowth | None = Field(
        default=None,
        description="More memory for the attempt after one that was OOMKilled, where retry allows another. Default: the same.",
    )
    success_policy: SuccessPolicy | None = Field(
        default=None, description="When an array is done before every index is. Default: all have to succeed."
    )
    timeouts: Timeouts = Field(
        default=Timeouts(), description="How long things may take. Default: no limits."
    )
    termination_grace_period_seconds: Annotated[int, Field(ge=0, le=3600)] = Field(
        default=30, description="Seconds from the decision to stop a pod until it is killed. Default: 30."
    )

    @model_validator(mode="after")
    def _success_is_possible(self) -> Self:
        if self.array is None or self.success_policy is None:
            return self
        wanted, policy = indexes_of(self.array.indexes or f"0-{self.array.size - 1}"), self.success_policy
        meant = indexes_of(policy.succeeded_indexes) if policy.succeeded_indexes else wanted
        if beyond := meant - wanted:
            raise ValueError(
                f"successPolicy.succeededIndexes names {min(beyond)}, which the array doesn't run"
            )
        if policy.succeeded_count is not None and policy.succeeded_count > len(meant):
            raise ValueError(
                f"successPolicy.succeededCount is {policy.succeeded_count}, but only {len(meant)} indexes can count"
            )
        return self


_OF_THE_DEFINITION = (
    "envFrom", "files", "volumes", "placement", "security", "serviceAccountName", "imagePullSecrets", "labels",
    "annotations", "terminationGracePeriodSeconds", "nodes", "memoryGrowth", "successPolicy",
)  # fmt: skip


class BatchJobSpec(JobTemplate):
    """What is wanted of a batch job."""

    rules: ClassVar[tuple[Rule, ...]] = (
        *CONTAINER_RULES,
        *(_fixed(field) for field in _FIXED),
        *_SHAPE_RULES,
        Rule(
            "!has(oldSelf.cancel) || (has(self.cancel) && self.cancel == oldSelf.cancel)",
            "a cancelled job stays cancelled: create a new BatchJob to run it again",
        ),
        Rule("!has(self.share) || has(self.queue)", "share is a part of a queue: set queue as well"),
        Rule(
            "has(self.image) != has(self.definition)",
            "set exactly one of image and definition: a JobDefinition brings its own image",
        ),
        Rule(
            f"!has(self.definition) || ({' && '.join(f'!has(self.{each})' for each in _OF_THE_DEFINITION)})",
            "beside definition only command, args, env, size, resources, array, retry and timeouts can be set;"
            " change the JobDefinition for anything else",
        ),
        Rule(
            "has(self.definition) || !has(self.parameters)",
            "parameters are those of a definition: set definition",
        ),
        Rule(
            "!has(self.dependsOn) || self.dependsOn.all(d, self.dependsOn.exists_one(e,"
            " has(d.name) == has(e.name) && (!has(d.name) || d.name == e.name)))",
            "dependsOn names a BatchJob twice, or has two of type Sequential: leave one",
        ),
        Rule(
            "!has(self.dependsOn) || !self.dependsOn.exists(d, d.type == 'Sequential')"
            " || has(self.definition) || has(self.array)",
            "type: Sequential is about the indexes of an array: set array.size",
        ),
        Rule(
            "!has(self.dependsOn) || !self.dependsOn.exists(d, d.type == 'Sequential')"
            " || !has(self.array) || !has(self.array.maxParallel) || self.array.maxParallel == 1",
            "with type: Sequential indexes run one after another: leave out array.maxParallel",
        ),
        Rule(
            "!has(self.dependsOn) || !self.dependsOn.exists(d, d.type == 'EachToEach')"
            " || has(self.definition) || has(self.array)",
            "type: EachToEach is about the indexes of two arrays: set array.size",
        ),
        Rule(
            "!has(self.dependsOn) || !self.dependsOn.exists(d, d.type == 'EachToEach')"
            " || !self.dependsOn.exists(d, d.type == 'Sequential')",
            "indexes follow those of another array or each other: leave out type EachToEach or Sequential",
        ),
        Rule(
            "!has(self.dependsOn) || !self.dependsOn.exists(d, d.type == 'EachToEach')"
            " || (!has(self.successPolicy) && (!has(self.timeouts) || !has(self.timeouts.attemptSeconds)))",
            "with type: EachToEach an array runs in parts: leave out successPolicy, and use timeouts.totalSeconds for"
            " timeouts.attemptSeconds",
        ),
    )
    image: ImageReference = Field(
        default="",
        json_schema_extra=left_to_the_definition,
        description="The container image: a reference with a tag or a digest, such as ghcr.io/acme/shop:1.4. Default: the definition's.",
    )
    definition: DefinitionRef | None = Field(
        default=None,
        description="The JobDefinition that the job is made from, instead of image. Beside it command, args, size or "
        "resources, array, retry and timeouts replace what it says, env goes over it by name. Default: none.",
    )
    queue: DnsLabel | None = Field(
        default=None, description="JobQueue that the job waits in. Default: none, it is admitted at once."
    )
    priority: Annotated[int, Field(ge=0, le=9999)] = Field(
        default=0,
        description="In its share of the queue the higher goes first, from 0 to 9999. It can be changed while the job waits. Default: 0.",
    )
    share: DnsLabel | None = Field(
        default=None,
        description="Whose part of the queue it uses, where the queue divides fairly. Default: one without a name.",
    )
    parameters: ParameterValues = Field(
        default_factory=dict,
        description="Values for the definition's parameters, at most 50 of at most 4096 characters; ${params.NAME} stands "
        "for them in command, args and env. Default: those of the definition.",
    )
    depends_on: Annotated[list[Dependency], Field(max_length=20), ListType("atomic")] = Field(
        default=[], description="What has to end before the job starts, at most 20. Default: nothing."
    )
    suspend: bool = Field(
        default=False,
        description="Hold the job before it starts, or stop it: it resumes as a new attempt, an array with the indexes that are left. Default: false.",
    )
    cancel: Cancel | None = Field(default=None, description="Set once: ends the job for good.")
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=31536000)] = Field(
        default=604800,
        description="Seconds after its end at which the BatchJob is deleted with its pods. Default: 604800, a week.",
    )
    termination_grace_period_seconds: Annotated[int, Field(ge=0, le=3600)] = Field(
        default=30,
        json_schema_extra=left_to_the_definition,
        description="Seconds from the decision to stop a pod until it is killed. Default: 30.",
    )

    @property
    def sequential(self) -> Dependency | None:
        """The dependency of this array's indexes on each other."""
        return next((each for each in self.depends_on if each.type == "Sequential"), None)

    @property
    def index_by_index(self) -> list[Dependency]:
        """The arrays that this one follows index by index."""
        return [each for each in self.depends_on if each.type == "EachToEach"] if self.array else []


Phase = Literal["Submitted", "Pending", "Runnable", "Starting", "Running", "Succeeded", "Failed"]


class Waiting(Model):
    """Why the job does not run now."""

    reason: Annotated[str, Field(max_length=64)] = Field(description="One CamelCase word.")
    message: Annotated[str, Field(max_length=2048)] = Field(description="One sentence: why, and what to do.")
    since: Annotated[str, Field(json_schema_extra={"format": "date-time"})] = Field(
        description="When this reason was first seen."
    )


class AttemptStatus(Model):
    """One attempt: one Job."""

    number: int = Field(description="From 1.")
    job: Annotated[str, Field(max_length=63)] = Field(description="Name of its Job.")
    pod: Annotated[str, Field(max_length=253)] | None = Field(
        default=None,
        description="Name of its pod; of a gang, that of index 0; of an array, and once a gang has failed, the failed pod that is quoted.",
    )
    node: Annotated[str, Field(max_length=253)] | None = Field(
        default=None, description="Node that the pod ran on."
    )
    started_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = Field(
        default=None, description="When its container first ran; of a gang, when the last of its pods did."
    )
    finished_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = Field(
        default=None, description="When it ended."
    )
    exit_code: int | None = Field(default=None, description="Exit code of the container.")
    reason: Annotated[str, Field(max_length=64)] | None = Field(
        default=None,
        description="How it ended: Succeeded, Error, OOMKilled, Evicted, NodeLost, Preempted, Timeout, Suspended, Cancelled, GangIncomplete, JobDeleted.",
    )
    message: Annotated[str, Field(max_length=2048)] | None = Field(
        default=None, description="What happened, for people."
    )
    memory: Annotated[str, Field(max_length=32)] | None = Field(
        default=None, description="Memory limit of the attempt."
    )
    counted: bool | None = Field(
        default=None, description="False when the attempt does not count against retry.attempts."
    )


class ArrayStatus(Model):
    """How far an array is; array.indexes alone count, where they are set."""

    succeeded: int = Field(description="Indexes that succeeded.")
    failed: int = Field(description="Indexes that failed for good.")
    running: int = Field(description="Pods that run.")
    pending: int = Field(description="Indexes that have not begun or wait for a retry.")
    failed_indexes: Annotated[str, Field(max_length=32768)] | None = Field(
        default=None, description="Indexes that failed, as ranges such as 1,3-5."
    )
    not_run: Annotated[str, Field(max_length=32768)] | None = Field(
        default=None, description="Those of them that weren't run, for the index failed that they depend on."
    )


class DependencyStatus(Model):
    """One BatchJob that this one waits or waited for."""

    name: Annotated[str, Field(max_length=63)] = Field(description="Its name.")
    state: Literal["Waiting", "Met", "Failed", "Missing", "Deleted"] = Field(
        description="Waiting for its end; Met for good; Failed; Missing so far; Deleted while this one waited."
    )


class DefinitionStatus(Model):
    """Which revision of which JobDefinition the job is made from."""

    name: Annotated[str, Field(max_length=63)] = Field(description="Name of the JobDefinition.")
    revision: int = Field(description="Its revision, which stays.")
    uid: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="The uid of that revision's object."
    )


class QueueRequests(Model):
    """What all pods of an attempt that run at once ask for."""

    cpu: Annotated[str, Field(max_length=32)] = Field(description="Such as 4 or 500m.")
    memory: Annotated[str, Field(max_length=32)] = Field(description="Such as 8Gi, or in bytes.")
    gpus: int = Field(default=0, description="Number of GPUs.")


class QueueStatus(Model):
    """Where an attempt stands with its queue."""

    attempt: int = Field(description="The attempt that waits, or is admitted.")
    since: Annotated[str, Field(json_schema_extra={"format": "date-time"})] = Field(
        description="When it came into the queue."
    )
    position: int | None = Field(
        default=None,
        description="Place in the line of its share, while it waits: 1, 2, or among the first 5, 10, 20, 50, 100, 1000 and so on.",
    )
    environment: Annotated[str, Field(max_length=63)] | None = Field(
        default=None, description="ComputeEnvironment that it was admitted to."
    )
    admitted_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = Field(
        default=None, description="When it was admitted."
    )
    requests: QueueRequests | None = Field(
        default=None, description="What it takes of the environment from then on."
    )


class BatchJobStatus(Model):
    """What is known of a batch job."""

    observed_generation: int | None = Field(
        default=None, description="The generation of the spec that this status speaks of."
    )
    phase: Phase | None = Field(
        default=None,
        description="Submitted, Pending (dependencies), Runnable, Starting, Running, Succeeded or Failed.",
    )
    reason: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="Why it is in this phase, in one word."
    )
    conditions: Conditions = Field(default=[], description="Admitted, Running, Complete, Failed.")
    waiting: Waiting | None = Field(default=None, description="Why it does not run now, while it waits.")
    queue: QueueStatus | None = Field(default=None, description="Where it stands with its queue.")
    attempt: int | None = Field(default=None, description="Number of the current or last attempt.")
    done: Annotated[str, Field(max_length=32)] | None = Field(
        default=None, description="Indexes that are done, of all, such as 37/100."
    )
    attempts: Annotated[list[AttemptStatus], Field(max_length=10), ListMap(("number",))] = Field(
        default=[], description="The last ten attempts."
    )
    attempts_counted: int | None = Field(
        default=None, description="Attempts that ended and count against retry.attempts."
    )
    array: ArrayStatus | None = Field(default=None, description="How far an array is.")
    definition: DefinitionStatus | None = Field(
        default=None, description="The revision of the JobDefinition that the job is made from."
    )
    dependencies: Annotated[list[DependencyStatus], Field(max_length=20), ListMap(("name",))] = Field(
        default=[], description="How far the BatchJobs are that this one depends on."
    )
    started_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = Field(
        default=None, description="When the first container ran."
    )
    finished_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = Field(
        default=None, description="When it ended."
    )
    duration: Annotated[str, Field(max_length=32)] | None = Field(
        default=None, description="From the first container to the end, once ended."
    )
    last_words: Annotated[str, Field(max_length=1024)] | None = Field(
        default=None, description="The termination message of the failed container, its last KiB."
    )


class BatchJob(Model):
    """Work that ends: attempts with rules, arrays, timeouts, and a sentence that says why it waits."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && size(self.metadata.name) <= 63",
            "metadata.name: use at most 63 lower-case letters, digits and '-', beginning and ending with a letter or digit",
        ),
        Rule(
            "!has(self.spec.dependsOn) || self.spec.dependsOn.all(d, !has(d.name) || d.name != self.metadata.name)",
            "dependsOn names the BatchJob itself: a job cannot wait for its own end",
        ),
        Rule(
            "!has(self.spec.nodes) || self.metadata.name.matches('^[a-z]')",
            "metadata.name of a job with nodes becomes a Service's name: begin it with a letter",
        ),
    )
    spec: BatchJobSpec = Field(description="What is wanted.")
    status: BatchJobStatus | None = Field(default=None, description="What is known. Written by Longshore.")

"""Ways in which jobs, queues, environments and definitions go wrong in production."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.e2e.catalogue.row import Row, event, job_is, kubectl, of_object
from tests.e2e.catalogue.web import ON_EDGE, node, node_is_up
from tests.e2e.cluster import Cluster, Obj
from tests.e2e.objects import API, IMAGE, MISSING_IMAGE, TINY, batch_job
from tests.e2e.waiting import wait_for

ONE_CPU: Obj = {"requests": {"cpu": "1", "memory": "32Mi"}}


def job(*args: str, name: str = "import", **spec: Any) -> Obj:
    return batch_job(name, *args, **spec)


def sleeper(name: str, **spec: Any) -> Obj:
    return batch_job(name, "sleep", "600", queue="research-NAMESPACE", **spec)


def queued(**spec: Any) -> Obj:
    return batch_job("import", "sleep", "1", queue="research-NAMESPACE", **spec)


def queue(**spec: Any) -> Obj:
    base = {"computeEnvironments": ["pool-NAMESPACE"]}
    return _object("JobQueue", "research-NAMESPACE", base | spec)


def environment(**spec: Any) -> Obj:
    return _object("ComputeEnvironment", "pool-NAMESPACE", {"capacity": {"maxCpu": "20m"}} | spec)


def definition(**spec: Any) -> Obj:
    template: Obj = {"image": f"{IMAGE}:v1", "args": ["sleep", "${params.seconds}"], "resources": TINY}
    base = {"template": template, "parameters": {"seconds": {"required": True, "pattern": "[0-9]+"}}}
    return _object("JobDefinition", "nightly", base | spec)


def of_definition(**spec: Any) -> Obj:
    return _object("BatchJob", "import", {"definition": {"name": "nightly"}} | spec)


def _object(kind: str, name: str, spec: Obj) -> Obj:
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": spec}


def change(kind: str, name: str, spec: Obj, after: Callable[[Cluster], None] | None = None) -> Any:
    """A spec is changed, and what comes of it."""

    def run(cluster: Cluster) -> None:
        cluster.patch(kind, name.replace("NAMESPACE", cluster.namespace), spec)
        if after is not None:
            after(cluster)

    return run


def admitted(name: str) -> Callable[[Cluster], None]:
    """The job holds its room."""

    def wait(cluster: Cluster) -> None:
        cluster.wait(
            "BatchJob", name, lambda it: "environment" in it["status"].get("queue", {}), "is admitted", 60
        )

    return wait


def and_then(*steps: Callable[[Cluster], None]) -> Callable[[Cluster], None]:
    def run(cluster: Cluster) -> None:
        for step in steps:
            step(cluster)

    return run


def add(*objects: Obj) -> Callable[[Cluster], None]:
    return lambda cluster: cluster.apply(
        *(each | {"spec": _in(each["spec"], cluster.namespace)} for each in objects)
    )


def _in(spec: Obj, namespace: str) -> Obj:
    return {
        key: value.replace("NAMESPACE", namespace) if isinstance(value, str) else value
        for key, value in spec.items()
    }


def node_goes(cluster: Cluster) -> None:
    node_is_up(cluster)
    wait_for(
        lambda: cluster.list("Pod"),
        lambda pods: pods and pods[0]["spec"].get("nodeName"),
        "the pod has its node",
        60,
    )
    cluster.delete("node", f"edge-{cluster.namespace}", "--wait=false")


def told_of(kind: str, name: str) -> Any:
    return lambda cluster: of_object(cluster, kind, name)


DONE = job_is("Succeeded")


def evict(cluster: Cluster) -> None:
    """Does to the pod what a drain does."""
    job_is("Running")(cluster)
    name = cluster.list("Pod", batchjob="import")[0]["metadata"]["name"]
    cluster.kubectl(
        "create",
        "--raw",
        f"/api/v1/namespaces/{cluster.namespace}/pods/{name}/eviction",
        "--filename=-",
        stdin=f'{{"apiVersion":"policy/v1","kind":"Eviction","metadata":{{"name":"{name}"}}}}',
    )


def make_environment(cluster: Cluster) -> None:
    cluster.apply(environment() | {"metadata": {"name": f"pool-{cluster.namespace}"}})
    told = told_of("JobQueue", "research-NAMESPACE")
    wait_for(lambda: told(cluster), lambda said: said and said.reason == "Open", "the queue is open", 60)
    cluster.delete("computeenvironment", f"pool-{cluster.namespace}", "--wait=false")


def make_queue(cluster: Cluster) -> None:
    namespace = cluster.namespace
    cluster.apply(
        environment() | {"metadata": {"name": f"pool-{namespace}"}},
        _object("JobQueue", f"research-{namespace}", {"computeEnvironments": [f"pool-{namespace}"]}),
    )
    DONE(cluster)
    cluster.delete("jobqueue", f"research-{namespace}", "--wait=false")
    cluster.delete("computeenvironment", f"pool-{namespace}", "--wait=false")


def after_draining(cluster: Cluster) -> None:
    """The job is created in a later second than that in which the queue began to drain."""
    cluster.wait(
        "JobQueue", f"research-{cluster.namespace}", lambda it: "drainingSince" in it["status"], "drains"
    )
    wait_for(lambda: _later(cluster), bool, "a second has passed", 10)
    add(queued())(cluster)


def _later(cluster: Cluster) -> bool:
    """Whether what is created now is younger than the draining, by the API server's clock."""
    since = cluster.get("JobQueue", f"research-{cluster.namespace}")
    made = cluster.kubectl(
        "create", "configmap", "now", "--dry-run=server", "--output=jsonpath={.metadata.creationTimestamp}"
    )
    return since is not None and made > since["status"]["drainingSince"]


def in_line(cluster: Cluster) -> None:
    """One job runs, one waits in front of this one."""
    admitted("export")(cluster)
    add(sleeper("convert"))(cluster)
    cluster.wait("BatchJob", "convert", lambda it: "waiting" in it["status"], "waits")
    made = cluster.get("BatchJob", "convert")
    assert made is not None
    wait_for(
        lambda: cluster.kubectl(
            "create",
            "configmap",
            "now",
            "--dry-run=server",
            "--output=jsonpath={.metadata.creationTimestamp}",
        ),
        lambda now: now > made["metadata"]["creationTimestamp"],
        "a second has passed",
        10,
    )
    add(queued())(cluster)


def shares(cluster: Cluster) -> None:
    admitted("export")(cluster)
    add(sleeper("convert", share="team-b"), queued(share="team-a"))(cluster)


def waits_for_the_other(cluster: Cluster) -> None:
    cluster.wait(
        "BatchJob",
        "import",
        lambda it: it["status"].get("dependencies", [{}])[0].get("state") == "Waiting",
        "waits",
    )


ROWS = (
    Row(
        "exit-code", "the program ends with an exit code",
        [job("say-last-words", "no such table: orders", "4")], "Error", "exit code 4.*Last words",
        "read its last words, or its log; allow retries where trying again may help: retry.attempts",
    ),
    Row(
        "attempts-used-up", "each attempt fails",
        [job("exit", "4", retry={"attempts": 2, "backoffSeconds": 0})], "Error", "attempt 2 of 2 was the last",
        "read the log of the last attempt",
    ),
    Row(
        "between-attempts", "an attempt failed and the next one waits",
        [job("exit", "4", retry={"attempts": 2, "backoffSeconds": 600, "maxBackoffSeconds": 600})],
        "BackOff", "attempt 2 starts at TIME", "wait, or shorten retry.backoffSeconds in a new job",
    ),
    Row(
        "rule-stops", "a retry rule says that trying again is of no use",
        [job("exit", "64", retry={"attempts": 3, "rules": [{"exitCodes": [64], "action": "Fail"}]})],
        "Error", "rule", "mend the input and create the job again",
    ),
    Row(
        "job-oom", "the program takes more memory than its limit",
        [job("oom", resources=TINY)], "OOMKilled", "32Mi",
        "raise size or resources.limits.memory, or let it grow: memoryGrowth",
    ),
    Row(
        "growth-ends", "the program takes more memory than memoryGrowth.max",
        [job("oom", resources=TINY, retry={"attempts": 5, "backoffSeconds": 0},
             memoryGrowth={"factor": 2, "max": "64Mi"})],
        "OOMKilled", "memoryGrowth.max, 64Mi", "raise memoryGrowth.max, or use less", seconds=180,
    ),
    Row(
        "attempt-timeout", "an attempt takes too long",
        [job("sleep", "600", timeouts={"attemptSeconds": 3})], "Timeout", "attemptSeconds, 3 s",
        "raise timeouts.attemptSeconds, or do less at a time",
    ),
    Row(
        "total-timeout", "the job as a whole takes too long",
        [job("sleep", "600", timeouts={"totalSeconds": 8})], "TotalTimeout", "submitted$",
        "raise timeouts.totalSeconds, or do less at a time",
    ),
    Row(
        "queued-timeout", "the job does not begin in time",
        [job("sleep", "1", resources={"requests": {"cpu": "64", "memory": "32Mi"}}, timeouts={"queuedSeconds": 15})],
        "QueuedTimeout", "queuedSeconds, 15 s.*Insufficient cpu(?!.*being stopped)", "do what it was told while it waited; raise timeouts.queuedSeconds",
    ),
    Row(
        "job-image", "no registry has the job's image",
        [job("sleep", "1", image=MISSING_IMAGE)], "ImagePullFailed", "connection refused",
        "create the job again with another image; what it waits for doesn't cost an attempt",
    ),
    Row(
        "job-command", "the job's command does not exist in the image",
        [job(command=["/no-such-program"])], "Error", "no-such-program.*Check", "correct the command",
    ),
    Row(
        "job-config", "a Secret of the job does not exist",
        [job("sleep", "1", env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "shop", "key": "a"}}}])],
        "ConfigMissing", "Secret shop", "create the Secret",
        cure=kubectl("create", "secret", "generic", "shop", "--from-literal=a=x", until=DONE),
    ),
    Row(
        "job-root", "the job's image runs as root",
        [job("sleep", "1", image=f"{IMAGE}:root")], "RunsAsRoot", "runAsUser",
        "create it again with security.runAsUser, or mend the image",
    ),
    Row(
        "job-cpu", "no node fits the job",
        [job("sleep", "1", resources={"requests": {"cpu": "64", "memory": "32Mi"}})], "Unschedulable", "Insufficient cpu",
        "ask for less, or add nodes",
    ),
    Row(
        "job-quota", "the namespace's ResourceQuota leaves no room for the job's pod",
        [job("sleep", "1")], "QuotaExceeded", "quota", "wait until others end, or have the quota raised",
        steps=[kubectl("create", "quota", "memory", "--hard=requests.memory=16Mi", until=None)],
        cure=kubectl("delete", "quota", "memory", until=DONE), seconds=90,
    ),
    Row(
        "job-count-quota", "the namespace's ResourceQuota allows no more Jobs",
        [job("sleep", "1")], "QuotaExceeded", "Job import-1", "wait until others end, or have the quota raised",
        steps=[kubectl("create", "quota", "jobs", "--hard=count/jobs.batch=0", until=None)],
        cure=kubectl("delete", "quota", "jobs", until=DONE), seconds=90,
    ),
    Row(
        "job-pod-security", "the namespace takes restricted pods only, and the job isn't one",
        [job("sleep", "1", image=f"{IMAGE}:root", security={"profile": "Baseline"})], "PodRefused", "Pod Security",
        "create it again with security.profile Restricted, or have the level changed",
    ),
    Row(
        "job-name-taken", "somebody else's Job has the attempt's name",
        [job("sleep", "1")], "NameConflict", "import-1", "delete or rename it, or name the BatchJob otherwise",
        steps=[kubectl("create", "job", "import-1", f"--image={IMAGE}:v1", until=None)],
        cure=kubectl("delete", "job", "import-1", until=DONE), seconds=90, pod_security="privileged",
    ),
    Row(
        "job-account", "the job's service account is not offered to jobs",
        [job("sleep", "1", serviceAccountName="default")], "ServiceAccountNotAllowed", "kubectl label",
        "have it labelled by who keeps the namespace",
        cure=kubectl("label", "serviceaccount", "default", "longshore.dev/allow=true", until=DONE),
    ),
    Row(
        "job-deleted", "somebody deleted the Job of a running attempt",
        [job("sleep", "600")], "JobDeleted", "deleted by somebody else",
        "leave the Jobs to Longshore; to end a job cancel it",
        then=and_then(job_is("Running"), kubectl("delete", "job", "import-1", until=None)),
    ),
    Row(
        "evicted", "a drain takes the pod",
        [job("sleep", "600")], "Evicted", "taken from its node",
        "have it tried again at no cost: retry.rules with reasons [Evicted], action Retry",
        then=evict,
    ),
    Row(
        "disk", "the program writes more than its volume may hold",
        [job("fill", "/data/x", "8", volumes=[{"name": "data", "mountPath": "/data", "emptyDir": {"sizeLimit": "1Mi"}}])],
        "Evicted", "sizeLimit", "raise emptyDir.sizeLimit, or write less", seconds=200,
    ),
    Row(
        "job-node-gone", "the job's node is gone for good (it has no kubelet)",
        [node("edge-NAMESPACE", True), job("sleep", "1", placement=ON_EDGE)], "NodeLost", "taken from its node",
        "have it tried again at no cost: retry.rules with reasons [NodeLost], action Retry",
        then=node_goes, nodes=True, seconds=240,
    ),
    Row(
        "cancelled", "somebody cancelled the job",
        [job("sleep", "600")], "Cancelled", "the input was wrong", "ask whoever did, and create it again",
        then=change("batchjob", "import", {"cancel": {"reason": "the input was wrong"}}, None),
    ),
    Row(
        "job-suspended", "the job is suspended",
        [job("sleep", "1", suspend=True)], "Suspended", "spec.suspend", "set spec.suspend to false",
        cure=change("batchjob", "import", {"suspend": False}, DONE),
    ),
    Row(
        "indexes", "some indexes of an array fail",
        [job("fail-indexes", "1,3", array={"size": 5})], "IndexesFailed", "2 of 5 indexes failed",
        "read the log of one; run only those again: longshore retry NAME --failed", seconds=150,
    ),
    Row(
        "max-failed", "more indexes of an array fail than successPolicy.maxFailedIndexes",
        [job("fail-indexes", "0,1,2,3", array={"size": 4, "maxParallel": 1}, successPolicy={"maxFailedIndexes": 1})],
        "MaxFailedIndexesExceeded", "maxFailedIndexes, 1", "mend what fails, and create it again", seconds=150,
    ),
    Row(
        "gang", "there is no room for all pods of a gang",
        [job("sleep", "600", resources={"requests": {"cpu": "600m", "memory": "32Mi"}}, nodes={"count": 12, "startSeconds": 600})],
        "GangIncomplete", "Insufficient cpu", "wait, ask for less, or add nodes; in a queue it would have waited for all",
    ),
    Row(
        "dependency-missing", "the job depends on one that there is not",
        [job("sleep", "1", dependsOn=[{"name": "export"}])], "DependencyPending", "export", "create it",
        cure=and_then(add(job("sleep", "0", name="export")), DONE),
    ),
    Row(
        "dependency-deleted", "the job that it depends on was deleted",
        [job("sleep", "600", name="export"), job("sleep", "1", dependsOn=[{"name": "export"}])],
        "DependencyPending", "was deleted", "create that again, or delete this one",
        then=and_then(
            waits_for_the_other,
            kubectl("delete", "batchjob", "export", until=None),
        ),
    ),
    Row(
        "dependency-failed", "the job that it depends on failed",
        [job("exit", "4", name="export"), job("sleep", "1", dependsOn=[{"name": "export"}])],
        "DependencyFailed", "export", "mend that, and create both again",
    ),
    Row(
        "cycle", "jobs depend on each other",
        [job("sleep", "1", name="export", dependsOn=[{"name": "import"}]),
         job("sleep", "1", dependsOn=[{"name": "export"}])],
        "DependencyCycle", "export", "delete one and create it again without the dependency",
    ),
    Row(
        "queue-missing", "the job's queue does not exist",
        [queued()], "QueueMissing", "research", "have the queue created, or name another",
        cure=make_queue,
    ),
    Row(
        "queue-stopped", "the queue is stopped",
        [environment(), queue(state="Stopped"), queued()], "QueueClosed", "is stopped",
        "wait, or use another queue", cure=change("jobqueue", "research-NAMESPACE", {"state": "Open"}, DONE),
    ),
    Row(
        "queue-draining", "the queue is being drained",
        [environment(), queue(state="Draining")], "QueueClosed", "drained",
        "wait, or use another queue", read=told_of("BatchJob", "import"), then=after_draining,
        cure=change("jobqueue", "research-NAMESPACE", {"state": "Open"}, DONE),
    ),
    Row(
        "namespace", "the queue takes no jobs of the namespace",
        [environment(), queue(allowedNamespaces=["team-a"]), queued()], "NamespaceNotAllowed", "allowedNamespaces",
        "use another queue, or have the namespace added",
        cure=change("jobqueue", "research-NAMESPACE", {"allowedNamespaces": []}, DONE),
    ),
    Row(
        "environment-missing", "the queue's environment does not exist",
        [queue(), queued()], "EnvironmentMissing", "pool", "have it created",
    ),
    Row(
        "environment-disabled", "the queue's environment is disabled",
        [environment(state="Disabled"), queue(), queued()], "EnvironmentDisabled", "disabled",
        "wait, or use another queue",
        cure=change("computeenvironment", "pool-NAMESPACE", {"state": "Enabled"}, DONE),
    ),
    Row(
        "too-large-ever", "the job is larger than its environment",
        [environment(), queue(), queued(resources=ONE_CPU)], "NoCapacity", "can never run",
        "ask for less, or have the environment enlarged",
        cure=change("computeenvironment", "pool-NAMESPACE", {"capacity": {"maxCpu": 2}}, admitted("import")),
    ),
    Row(
        "no-room-now", "others use what the job needs",
        [environment(), queue(), sleeper("export", resources={"requests": {"cpu": "20m", "memory": "32Mi"}})],
        "NoCapacity", "0 free of", "wait: what becomes free is kept for it",
        read=told_of("BatchJob", "import"), then=and_then(admitted("export"), add(queued())),
        cure=and_then(change("batchjob", "export", {"cancel": {"reason": "room"}}), DONE),
    ),
    Row(
        "in-line", "jobs that came earlier go first",
        [environment(), queue(maxRunningJobs=1), sleeper("export")], "InLine", "earlier", "wait",
        read=told_of("BatchJob", "import"),
        then=in_line,
    ),
    Row(
        "behind-priority", "jobs of a higher priority go first",
        [environment(), queue(maxRunningJobs=1), sleeper("export")], "BehindHigherPriority", "priority 5",
        "wait, or raise priority", read=told_of("BatchJob", "import"),
        then=and_then(admitted("export"), add(sleeper("convert", priority=5), queued())),
    ),
    Row(
        "max-running", "the queue runs as many jobs as it may",
        [environment(), queue(maxRunningJobs=1), sleeper("export")], "MaxRunningJobs", "maximum of 1 job",
        "wait, or have maxRunningJobs raised", read=told_of("BatchJob", "import"),
        then=and_then(admitted("export"), add(queued())),
        cure=change("jobqueue", "research-NAMESPACE", {"maxRunningJobs": 2}, DONE),
    ),
    Row(
        "share", "another share has used less",
        [environment(), queue(fairShare={"halfLifeSeconds": 3600}),
         sleeper("export", share="team-a", resources={"requests": {"cpu": "20m", "memory": "32Mi"}})],
        "ShareExhausted", "goes first", "wait, or have the share's weight raised",
        read=told_of("BatchJob", "import"), then=shares,
    ),
    Row(
        "queue-full", "the queue's line is as long as it may be",
        [environment(), queue(maxRunningJobs=1, maxWaitingJobs=1), sleeper("export")], "QueueFull", "maximum of 1",
        "wait, or have maxWaitingJobs raised", read=told_of("BatchJob", "import"), then=in_line,
        cure=change("jobqueue", "research-NAMESPACE", {"maxWaitingJobs": 5, "maxRunningJobs": 5}, admitted("convert")),
    ),
    Row(
        "placement", "the job wants other nodes than the environment has",
        [environment(placement={"architecture": "amd64"}), queue(), queued(placement={"architecture": "arm64"})],
        "PlacementConflict", "arm64", "change spec.placement, or use another queue",
    ),
    Row(
        "queue-without-environment", "a queue names an environment that does not exist",
        [queue()], "EnvironmentMissing", "pool", "create the environment, or change the queue",
        cure=make_environment,
    ),
    Row(
        "no-nodes", "an Unmanaged environment selects no node",
        [_object("ComputeEnvironment", "pool-NAMESPACE",
                 {"type": "Unmanaged", "placement": {"nodeLabels": {"example.com/pool": "fast"}}})],
        "NoNodes", "no node", "add or label nodes, or correct placement",
    ),
    Row(
        "overcommitted", "an environment was made smaller than what runs in it",
        [environment(), queue(), sleeper("export")], "Overcommitted", "smaller",
        "wait until enough has ended, or enlarge it", read=told_of("ComputeEnvironment", "pool-NAMESPACE"),
        then=and_then(admitted("export"), change("computeenvironment", "pool-NAMESPACE", {"capacity": {"maxCpu": "5m"}})),
        cure=change("computeenvironment", "pool-NAMESPACE", {"capacity": {"maxCpu": "20m"}}),
    ),
    Row(
        "definition-missing", "the job's definition does not exist",
        [of_definition(parameters={"seconds": "1"})], "DefinitionMissing", "nightly", "create it",
        cure=and_then(add(definition()), DONE),
    ),
    Row(
        "parameter-missing", "a parameter that the definition requires is not given",
        [definition(), of_definition()], "Invalid", "seconds", "create the job again with the parameter",
    ),
    Row(
        "parameter-pattern", "a parameter does not match its pattern",
        [definition(), of_definition(parameters={"seconds": "soon"})], "Invalid", "soon|pattern|match",
        "create the job again with a value that matches",
    ),
    Row(
        "parameter-unknown", "a parameter is none of the definition's",
        [definition(), of_definition(parameters={"seconds": "1", "minutes": "1"})], "Invalid", "minutes",
        "create the job again without it",
    ),
    Row(
        "definition-invalid", "a definition's template uses a parameter that is not declared",
        [definition(parameters={})], "Invalid", "seconds", "declare the parameter, or leave it out",
    ),
    Row(
        "bad-cron", "a definition's schedule has a cron that cannot be read",
        [definition(schedules=[{"name": "night", "cron": "61 1 * * *", "parameters": {"seconds": "1"}}])],
        "ScheduleInvalid", "61 1", "correct the cron expression",
    ),
    Row(
        "bad-zone", "a schedule's time zone does not exist",
        [definition(schedules=[{"name": "night", "cron": "0 1 * * *", "timeZone": "Europe/Atlantis", "parameters": {"seconds": "1"}}])],
        "ScheduleInvalid", "Atlantis", "correct the time zone",
    ),
    Row(
        "forbid", "a run is skipped, for the one before still runs",
        [definition(schedules=[{"name": "often", "cron": "* * * * *", "concurrency": "Forbid", "parameters": {"seconds": "600"}}])],
        "RunSkipped", "concurrency is Forbid", "run it less often, or have concurrency Allow or Replace",
        read=event("RunSkipped"), seconds=250,
    ),
)  # fmt: skip

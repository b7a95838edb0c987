"""Argo Workflows: each step with a container or a script becomes a BatchJob that depends on those before it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from longshore.convert.draft import Draft, Options, named, object_name
from longshore.convert.kubernetes.objects import read_own_metadata
from longshore.convert.kubernetes.pod import read_pod
from longshore.convert.reader import Reader
from longshore.convert.units import seconds

KINDS = ("Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow")
_ORDER = "write the names of the BatchJobs that it waits for to dependsOn"
_EACH = "there are no loops: write a job for each, or an array and choose by LONGSHORE_ARRAY_INDEX"
HINTS = {
    "templates": "the entrypoint leads to no job through it",
    "templateDefaults": "write it into each job",
    "workflowTemplateRef": "convert the WorkflowTemplate itself",
    "onExit": "nothing runs at the end of a workflow",
    "parallelism": "jobs start as soon as they are applied",
    "volumeClaimTemplates": "make a PersistentVolumeClaim and mount it",
    "artifactRepositoryRef": "jobs hand nothing on: let them write to a bucket or a volume",
    "podGC": "pods go with their BatchJob: ttlSecondsAfterFinished",
    "ttlStrategy": "there is one time for all ends: ttlSecondsAfterFinished",
    "activeDeadlineSeconds": "a workflow as a whole has no end: set timeouts on each job",
    "synchronization": "limit how many run by a ResourceQuota",
    "arguments": "nothing that is converted asks for it",
    "metrics": "Longshore's own metrics tell how jobs end",
    "podSpecPatch": "there is no raw pod",
    "hooks": "nothing is called along the way",
}
CRON_HINTS = {
    "spec": "a schedule makes one job, not several in order: write one job that does it all to the template of a JobDefinition",
    "spec.schedules": "a second time is a second entry in schedules",
    "spec.when": "there are no conditions: decide in the job",
    "spec.stopStrategy": "suspend the schedule when it is time",
}
TEMPLATE_HINTS = {
    "inputs.artifacts": "jobs hand nothing on: let them read from a bucket or a volume",
    "inputs.parameters": "nothing that is converted asks for it",
    "outputs": "jobs hand nothing on: let them write to a bucket or a volume",
    "sidecars": "a job has one container",
    "initContainers": "there is one container: do it in the entrypoint, or in a job before",
    "synchronization": "limit how many run by a ResourceQuota",
    "nodeSelector": "write it to placement",
    "tolerations": "write it to placement.tolerations",
    "affinity": "write it to placement",
    "volumes": "write them to volumes",
    "serviceAccountName": "write it to serviceAccountName, and label the account longshore.dev/allow=true",
    "securityContext": "write it to security",
    "retryStrategy": "write it to retry",
    "resource": "nothing is created by a template: apply the object yourself",
    "http": "nothing is called by a template: run a job that does",
    "suspend": "nothing waits for people: apply the next job when it is time",
    "containerSet": "a job has one container: write a job for each",
}
STEP_HINTS = {
    "when": "there are no conditions: decide whether to apply the job",
    "withItems": _EACH,
    "withParam": _EACH,
    "withSequence": _EACH,
    "continueOn": "write when: Completed to dependsOn of those that go on",
    "dependencies": _ORDER,
    "depends": _ORDER,
    "templateRef": "convert the WorkflowTemplate with it, in the same file",
    "arguments": "nothing in the template asks for it",
    "hooks": "nothing is called along the way",
    "onExit": "nothing runs at the end of a step",
}
SCRIPT = "/script/source"
_MOST_ATTEMPTS, _DEEPEST = 10, 8
_PLACEHOLDER = re.compile(r"\{\{\s*=?\s*([^{}]+?)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Step:
    """A step that runs a container: its name in the workflow, its template with parameters in place."""

    name: str
    named_by: Reader
    template: Reader
    after: tuple[str, ...] = ()
    """Names of the steps that it waits for."""


Call = Callable[[Reader, tuple[str, ...]], tuple[list[Step], tuple[str, ...]]]
"""Follows a step to its containers, given what it waits for."""


def recognises(content: object) -> bool:
    """Whether this is a workflow or a template of one."""
    return (
        isinstance(content, dict)
        and content.get("kind") in KINDS
        and str(content.get("apiVersion")).startswith("argoproj.io/")
    )


def convert(roots: Sequence[Reader], options: Options) -> list[Draft]:
    """A job for each step of each workflow."""
    return [draft for root in roots for draft in _workflow(root, options)]


def _workflow(root: Reader, options: Options) -> list[Draft]:
    metadata, spec = root["metadata"], root["spec"]
    scheduled = spec if root["kind"].peek == "CronWorkflow" else None
    if scheduled is not None:
        root.hints(CRON_HINTS)
        spec = spec["workflowSpec"]
    spec.hints(HINTS)
    name = metadata["name"].text() or (metadata["generateName"].text() or "").rstrip("-")
    templates = {each["name"].peek: each for each in spec["templates"].items()}
    entry = templates.get(spec["entrypoint"].peek)
    values = _parameters(spec["arguments"], "workflow.parameters") | {"workflow.name": metadata["name"]}
    if entry is None:
        spec["entrypoint"].leave("there is no template of that name here")
        return []
    spec["entrypoint"].needless("names where the workflow begins")
    single = not (entry["steps"] or entry["dag"])
    source = metadata["name"] or metadata["generateName"]
    steps, _ = _steps(Step("", source, entry), templates, values, None, 0)
    drafts: list[Draft] = []
    for step in steps:
        alone = options if single else Options(image=options.image)
        wanted = object_name("BatchJob", f"{options.name or name}-{step.name}")
        for part, where in ((options.name or name, source), (step.name, step.named_by)):
            if part and object_name("BatchJob", part) != part:
                where.changed(f"{part} is no name for a BatchJob: it is called {wanted}")
        draft = named("BatchJob", metadata["name"], Options(wanted, alone.image), wanted)
        read_own_metadata(draft, root)
        _job(draft, step.template, spec, alone)
        drafts.append(draft)
    _order(steps, drafts)
    if scheduled is not None and len(drafts) == 1:
        _schedule(drafts[0], scheduled)
    return drafts


def _order(steps: Sequence[Step], drafts: Sequence[Draft]) -> None:
    """Writes what each waits for."""
    called = {step.name: draft.name for step, draft in zip(steps, drafts, strict=True)}
    for step, draft in zip(steps, drafts, strict=True):
        others = dict.fromkeys(called[each] for each in step.after if each in called)
        draft.put("dependsOn", [{"name": each} for each in others if each != draft.name], step.named_by)


def _schedule(draft: Draft, spec: Reader) -> None:
    when = next(iter(spec["schedules"].items()), spec["schedule"])
    zone, policy = spec["timezone"], spec["concurrencyPolicy"]
    draft.scheduled("cron", when.text(), when)
    draft.scheduled("timeZone", zone.text(), zone)
    draft.scheduled("concurrency", policy.text(), policy)
    for key, field in (
        ("startingDeadlineSeconds", "startingDeadlineSeconds"), ("successfulJobsHistoryLimit", "keepSucceeded"),
        ("failedJobsHistoryLimit", "keepFailed"),
    ):  # fmt: skip
        draft.scheduled(field, spec[key].number(), spec[key])
    draft.scheduled("suspend", spec["suspend"].flag() or None, spec["suspend"])


def _steps(
    at: Step,
    templates: Mapping[str, Reader],
    values: Mapping[str, Reader],
    call: Reader | None,
    depth: int,
) -> tuple[list[Step], tuple[str, ...]]:
    """The containers that a template leads to, in the order in which they are written, and the last of them."""
    template = at.template
    own = {
        **values,
        **_parameters(template["inputs"], "inputs.parameters"),
        **(_parameters(call["arguments"], "inputs.parameters") if call else {}),
    }
    template["name"].needless("the template's own name")
    if not template["steps"].items() and not template["dag"]["tasks"].items():
        if not (template["container"] or template["script"]):
            return [], at.after
        template.hints(TEMPLATE_HINTS)
        for each in template["inputs"]["parameters"].items():
            if f"inputs.parameters.{each['name'].value}" in _asked(template.value):
                each["name"].take()
        return [replace(at, template=_filled_in(template, own))], (at.name,)

    def call_of(each: Reader, after: tuple[str, ...]) -> tuple[list[Step], tuple[str, ...]]:
        each.hints(STEP_HINTS)
        called = templates.get(each["template"].peek)
        if called is None or depth > _DEEPEST:
            each.leave("its template isn't in the file: convert it together with this one")
            return [], after
        each["template"].needless("names the template")
        step = Step(f"{at.name}-{each['name'].text()}".lstrip("-"), each["name"], called, after)
        return _steps(step, templates, own, _filled_in(each, own), depth + 1)

    if template["steps"].items():
        return _in_groups(template["steps"].items(), at.after, call_of)
    return _in_a_graph(template["dag"]["tasks"].items(), at.after, call_of)


def _in_groups(
    groups: Sequence[Reader], after: tuple[str, ...], call_of: Call
) -> tuple[list[Step], tuple[str, ...]]:
    """Groups run one after the other, the steps of each side by side."""
    found: list[Step] = []
    for group in groups:
        ends: list[str] = []
        for each in group.items() or [group]:
            inside, last = call_of(each, after)
            found += inside
            ends += last
        after = tuple(dict.fromkeys(ends))
    return found, after


def _in_a_graph(
    tasks: Sequence[Reader], after: tuple[str, ...], call_of: Call
) -> tuple[list[Step], tuple[str, ...]]:
    """Each task runs after those that it names. One that is named before it is written is looked at first."""
    named_so = {each["name"].peek: each for each in tasks}
    needs = {name: _needs(each, named_so.keys()) for name, each in named_so.items()}
    found: dict[str, list[Step]] = {}
    ends: dict[str, tuple[str, ...]] = {}

    def visit(name: str, above: tuple[str, ...]) -> tuple[str, ...]:
        if name in above:  # a circle, which Argo refuses
            return ()
        if name not in ends:
            before = [last for other in needs[name] for last in visit(other, (*above, name))]
            found[name], ends[name] = call_of(named_so[name], tuple(dict.fromkeys(before)) or after)
        return ends[name]

    for name in named_so:
        visit(name, ())
    waited_for = {other for others in needs.values() for other in others}
    last = [end for name in named_so if name not in waited_for for end in ends[name]]
    return [step for name in named_so for step in found[name]], tuple(dict.fromkeys(last))


def _needs(task: Reader, known: Collection[str]) -> list[str]:
    """Names of the tasks that it waits for, as far as they are plainly named."""
    listed = [each for each in task["dependencies"].items() if each.peek in known]
    for each in listed:
        each.take()
    said = task["depends"]
    names = [part.strip().removesuffix(".Succeeded") for part in said.peek.split("&&")] if said else []
    if names and all(name in known for name in names):
        said.take()
    else:
        names = []
    return [each.peek for each in listed] + names


def _parameters(arguments: Reader, prefix: str) -> dict[str, Reader]:
    """Name as templates ask for it → where its value is written."""
    found = {}
    for each in arguments["parameters"].items():
        value = each["value"] or each["default"]
        if value:
            found[f"{prefix}.{each['name'].peek}"] = value
    return found


def _filled_in(reader: Reader, values: Mapping[str, Reader]) -> Reader:
    """The same place with parameters put in; those that are used count as taken."""

    def put(found: re.Match[str]) -> str:
        source = values.get(found[1])
        text = source.text() if source else None
        if source is None or text is None:
            return found[0]
        source.document.take(source.path[:-1], {"name": ""})
        return text

    def fill(value: Any) -> Any:
        if isinstance(value, str):
            return _PLACEHOLDER.sub(put, value)
        if isinstance(value, list):
            return [fill(each) for each in value]
        return {key: fill(each) for key, each in value.items()} if isinstance(value, dict) else value

    return Reader(reader.document, reader.path, fill(reader.value))


def _job(draft: Draft, template: Reader, spec: Reader, options: Options) -> None:
    script = template["script"]
    read_pod(draft, template["metadata"], spec, script if script else template["container"], options)
    if text := script["source"].text():
        draft.add("files", {"path": SCRIPT, "content": text}, script["source"])
        draft.put("args", [*(draft.get("args") or []), SCRIPT], script["source"])
    deadline = template["activeDeadlineSeconds"]
    draft.put("timeouts.attemptSeconds", deadline.number(), deadline)
    kept = spec["ttlStrategy"]["secondsAfterCompletion"]
    draft.put("ttlSecondsAfterFinished", kept.number(), kept)
    draft.put("suspend", spec["suspend"].flag() or None, spec["suspend"])
    _retry(draft, template["retryStrategy"] or spec["retryStrategy"])
    if unknown := sorted(_asked(draft.spec)):
        template.missing(
            f"{draft.name} asks for what isn't there: write values in place of {', '.join(unknown)}"
        )


def _retry(draft: Draft, strategy: Reader) -> None:
    limit = strategy["limit"]
    if (retries := limit.number()) is not None:
        draft.put("retry.attempts", min(retries + 1, _MOST_ATTEMPTS), limit)
        if retries + 1 > _MOST_ATTEMPTS:
            limit.changed(f"{_MOST_ATTEMPTS} attempts are the most")
    strategy["retryPolicy"].holds("OnFailure", "Always")
    backoff = strategy["backoff"]
    draft.put("retry.backoffSeconds", backoff["duration"].read(seconds), backoff["duration"])
    backoff["factor"].holds(2, "2")


def _asked(value: Any) -> set[str]:
    """What is asked for in double braces."""
    return {found for text in _texts(value) for found in _PLACEHOLDER.findall(text)}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)

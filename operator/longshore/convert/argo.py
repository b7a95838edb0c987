"""Argo Workflows: each step with a container or a script becomes a BatchJob; their order is told, not kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
    "spec": "write the BatchJob's spec to the template of a JobDefinition, and when it runs to its schedules"
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
    "continueOn": _ORDER,
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
    if root["kind"].peek == "CronWorkflow":
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
    steps = list(_steps(Step("", source, entry), templates, values, None, 0))
    drafts = []
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
    return drafts


def _steps(
    at: Step,
    templates: Mapping[str, Reader],
    values: Mapping[str, Reader],
    call: Reader | None,
    depth: int,
) -> Iterator[Step]:
    """The containers that a template leads to, in the order in which they are written."""
    template = at.template
    own = {
        **values,
        **_parameters(template["inputs"], "inputs.parameters"),
        **(_parameters(call["arguments"], "inputs.parameters") if call else {}),
    }
    template["name"].needless("the template's own name")
    calls = [*template["steps"].items(), *template["dag"]["tasks"].items()]
    if not calls:
        if template["container"] or template["script"]:
            template.hints(TEMPLATE_HINTS)
            for each in template["inputs"]["parameters"].items():
                if f"inputs.parameters.{each['name'].value}" in _asked(template.value):
                    each["name"].take()
            yield Step(at.name, at.named_by, _filled_in(template, own))
        return
    before: list[str] = []
    for group in calls:
        inside = group.items() or [group]
        for each in inside:
            each.hints(STEP_HINTS)
            called = templates.get(each["template"].peek)
            _tell_order(each, before)
            if called is None or depth > _DEEPEST:
                each.leave("its template isn't in the file: convert it together with this one")
                continue
            each["template"].needless("names the template")
            step = Step(f"{at.name}-{each['name'].text()}".lstrip("-"), each["name"], called)
            yield from _steps(step, templates, own, _filled_in(each, own), depth + 1)
        if group.items():
            before = [each["name"].peek for each in inside]


def _tell_order(step: Reader, before: Sequence[str]) -> None:
    for key in ("dependencies", "depends"):
        others = step[key].peek or ", ".join(each.peek for each in step[key].items())
        step[key].leave(f"{_ORDER}: {others}")
    if before:
        step["name"].take()
        step.missing(f"{_ORDER}: {', '.join(before)}")


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

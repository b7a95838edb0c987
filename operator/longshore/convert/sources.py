"""What can be converted: the sources, told apart by what is in a document, and the conversion as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from longshore.convert import app_runner, argo, aws_batch, beanstalk, copilot, ecs
from longshore.convert.consistency import settle
from longshore.convert.draft import Draft, Obj, Options
from longshore.convert.kubernetes import kinds
from longshore.convert.reader import Document, Entry, Reader


@dataclass(frozen=True, slots=True)
class Source:
    """One format: `recognises` looks at a document, `convert` reads all documents of this source together."""

    name: str
    what: str
    recognises: Callable[[object], bool]
    convert: Callable[[Sequence[Reader], Options], list[Draft]]


SOURCES = (
    Source("app-runner", "apprunner.yaml, or describe-service of App Runner", app_runner.recognises, app_runner.convert),
    Source("argo", "an Argo Workflow, or a template or schedule of one", argo.recognises, argo.convert),
    Source("aws-batch", "a job definition, job, queue or compute environment of AWS Batch", aws_batch.recognises, aws_batch.convert),
    Source("copilot", "a manifest of AWS Copilot", copilot.recognises, copilot.convert),
    Source("ecs", "a task definition or service of Amazon ECS", ecs.recognises, ecs.convert),
    Source("elastic-beanstalk", "a Dockerrun.aws.json", beanstalk.recognises, beanstalk.convert),
    Source("kubernetes", "Kubernetes objects, also as helm template prints them", kinds.recognises, kinds.convert),
)  # fmt: skip


class NotRecognised(Exception):
    """A document that is of no known source. `document` is its name."""

    def __init__(self, document: str) -> None:
        self.document = document
        known = "; ".join(f"{each.name}: {each.what}" for each in SOURCES)
        super().__init__(f"this is none of what can be converted ({known}); --from says what it is")


@dataclass(frozen=True, slots=True)
class Conversion:
    """What came out: objects ready to be applied, and an account of every field that isn't simply in them."""

    objects: list[Obj]
    entries: list[Entry]


def convert(documents: Sequence[tuple[str, Any]], options: Options, source: str | None = None) -> Conversion:
    """Converts (name, content) pairs; documents of one source are read together. Raises NotRecognised."""
    held = [Document(name, content) for name, content in documents]
    groups: dict[str, list[Document]] = {}
    for document in held:
        groups.setdefault(source or _source_of(document), []).append(document)
    drafts: list[Draft] = []
    for each in SOURCES:
        if each.name in groups:
            drafts += each.convert([document.root for document in groups[each.name]], options)
    _tell_apart(drafts)
    for draft in drafts:
        settle(draft)
    return Conversion(
        [draft.written() for draft in drafts], [entry for document in held for entry in document.close()]
    )


def _tell_apart(drafts: Sequence[Draft]) -> None:
    """Gives a number to whatever would have the name of one before."""
    used: set[tuple[str, object, str]] = set()
    for draft in drafts:
        wanted, number = draft.name, 1
        while (draft.kind, draft.metadata.get("namespace"), draft.name) in used:
            number += 1
            draft.name = f"{wanted[:60]}-{number}"
        if draft.name != wanted:
            draft.source.changed(f"another {draft.kind} is called {wanted}: this one is called {draft.name}")
        used.add((draft.kind, draft.metadata.get("namespace"), draft.name))


def _source_of(document: Document) -> str:
    for each in SOURCES:
        if each.recognises(document.content):
            return each.name
    raise NotRecognised(document.name)

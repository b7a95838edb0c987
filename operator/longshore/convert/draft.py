"""A WebApp or BatchJob in the making: takes a value if the contract takes it, else the source's field is left.

Builders for what every source has: name, image, variables, secrets, amounts, commands. Combinations of fields are put
in order by `consistency`.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import Any, Literal

from longshore.api import API_VERSION
from longshore.api.base import Model
from longshore.api.batchjob import BatchJobSpec, JobTemplate
from longshore.api.common import EnvVar, File, Volume
from longshore.api.computeenvironment import ComputeEnvironmentSpec
from longshore.api.containers import HelperContainer
from longshore.api.jobdefinition import JobDefinitionSpec, Schedule
from longshore.api.jobqueue import JobQueueSpec
from longshore.api.webapp import WebAppSpec
from longshore.convert import checks
from longshore.convert.reader import Reader
from longshore.convert.units import amount
from longshore.workload.pod import SIZES

Obj = dict[str, Any]
KindName = Literal["WebApp", "BatchJob", "JobQueue", "ComputeEnvironment", "Helper"]
"""Helper is a container beside a WebApp's own, which is written into that."""
SPECS: dict[str, type[Model]] = {
    "WebApp": WebAppSpec,
    "BatchJob": BatchJobSpec,
    "JobQueue": JobQueueSpec,
    "ComputeEnvironment": ComputeEnvironmentSpec,
    "Helper": HelperContainer,
}
SCHEDULE = "cron"
"""What a schedule is called; its jobs are called after it."""
NO_IMAGE = "image.invalid"
"""A registry that can't exist (RFC 2606), in place of an image that nobody has named yet."""

ACCOUNT = (
    "give a ServiceAccount the role (by EKS Pod Identity, or the annotation eks.amazonaws.com/role-arn), label it"
    " longshore.dev/allow=true and name it in serviceAccountName"
)
_SECRET_NAME = re.compile(r"passw|secret|token|api_?key|private_?key|access_?key|credential", re.IGNORECASE)
_CREDENTIALS_IN_URL = re.compile(r"://[^/\s:@]*:[^/\s@]+@")
_LISTS: dict[str, tuple[type[Model], str]] = {
    "env": (EnvVar, "name"),
    "files": (File, "path"),
    "volumes": (Volume, "name"),
}


@dataclass(frozen=True, slots=True)
class Options:
    """What the user says beside the files. `image` is for sources that name none, `name` for a single object."""

    name: str | None = None
    image: str | None = None


@dataclass(slots=True)
class Draft:
    """The object so far. `sources` tells which field of the input a field of the spec came from."""

    kind: KindName
    name: str
    source: Reader
    spec: Obj = field(default_factory=dict)
    metadata: Obj = field(default_factory=dict)
    sources: dict[str, Reader] = field(default_factory=dict)
    never_root: bool = False
    schedule: Obj = field(default_factory=dict)
    """When the job is made: a BatchJob that has one is written as a JobDefinition."""

    @property
    def model(self) -> type[Model]:
        return SPECS[self.kind]

    def put(self, path: str, value: Any, source: Reader) -> bool:
        """Writes the dotted field, and says whether the contract took it. None is no value."""
        if value is None or value == [] or value == {}:
            return False
        if self.kind == "Helper" and not checks.has_field(self.model, path.partition(".")[0]):
            source.leave("a container beside the app's has the security, the volumes and the end of that")
            return False
        if mistake := checks.mistake(self.model, path, value):
            source.leave(f"{path} doesn't take it: {mistake}")
            return False
        *parents, last = path.split(".")
        inside = self.spec
        for parent in parents:
            inside = inside.setdefault(parent, {})
        inside[last] = value
        self.sources[path] = source
        return True

    def scheduled(self, name: str, value: Any, source: Reader) -> bool:
        """Writes a field of the schedule, and says whether the contract took it. None is no value."""
        if value is None:
            return False
        if mistake := checks.mistake(Schedule, name, value):
            source.leave(f"schedules[].{name} doesn't take it: {mistake}")
            return False
        self.schedule[name] = value
        return True

    def get(self, path: str) -> Any:
        """What is written in the dotted field; None where nothing is."""
        inside: Any = self.spec
        for part in path.split("."):
            inside = inside.get(part) if isinstance(inside, dict) else None
        return inside

    def drop(self, path: str) -> Reader:
        """Takes a field out again and returns where it came from."""
        *parents, last = path.split(".")
        inside = self.spec
        for parent in parents:
            inside = inside[parent]
        del inside[last]
        if parents and not inside:
            self.drop(".".join(parents))
        return self.sources.get(path, self.source)

    def add(self, path: str, item: Obj, source: Reader) -> bool:
        """Appends to a list whose items have a name of their own, if there is room and the name is new."""
        model, key = _LISTS[path]
        held = self.spec.get(path, [])
        if mistake := checks.mistake_in(model, item):
            source.leave(f"{path} doesn't take it: {mistake}")
            return False
        if any(each[key] == item[key] for each in held):
            source.leave(f"{path} holds {item[key]} already: keep one of them")
            return False
        return self.put(path, [*held, item], source)

    def variable(self, name: str, value: str, source: Reader) -> None:
        """A variable whose value the source holds in plain text."""
        if self.add("env", {"name": name, "value": value}, source) and (
            _SECRET_NAME.search(name) or _CREDENTIALS_IN_URL.search(value)
        ):
            source.changed(
                f"{name} looks like a secret and is written in plain text, as here: whoever reads the {self.kind} reads"
                " it. Put it into a Secret and refer to it by valueFrom.secretKeyRef"
            )

    def secret(self, name: str, source: Reader, where: str) -> None:
        """A variable whose value a store of the cloud holds: refers to a Secret that the user has to make."""
        key = name if re.fullmatch(r"[-._a-zA-Z0-9]+", name) else "value"
        holder = f"{self.name[:55].rstrip('-')}-secrets"
        reference = {"name": holder, "key": key}
        if self.add("env", {"name": name, "valueFrom": {"secretKeyRef": reference}}, source):
            source.leave(
                f"the value stays in {where}, which pods don't read: make the Secret {holder} with the key {key}, by"
                f" kubectl create secret generic or the External Secrets Operator; {name} refers to it"
            )

    def image(self, source: Reader, options: Options, why: str = "no image is named here") -> None:
        """The image: of the source, else of the options, else a placeholder that can't be pulled."""
        image = source.text()
        if image is None and options.image:
            self.spec["image"] = options.image
            self.sources["image"] = source
            return
        if image is not None and self.put("image", image, source):
            return
        self.spec["image"] = f"{NO_IMAGE}/{self.name}:replace"
        self.sources["image"] = source
        if image is None:
            source.missing(
                f"{why}: push one and write it to spec.image of {self.name}, or convert with --image"
            )

    def amounts(self, cpu: str | None, memory: str | None, source: Reader, cpu_is_limit: bool = True) -> None:
        """Processor time and memory that are requested and not exceeded; a named size where it is just that."""
        size = next((name for name, pair in SIZES.items() if _same(pair, (cpu, memory))), None)
        if size and cpu_is_limit:
            self.put("size", size, source)
            return
        requests = {"cpu": cpu} if cpu else {}
        self.resources(
            requests | ({"memory": memory} if memory else {}),
            ({"cpu": cpu} if cpu and cpu_is_limit else {}) | ({"memory": memory} if memory else {}),
            source,
        )

    def resources(self, requests: Obj, limits: Obj, source: Reader) -> None:
        """Exact amounts, or the named size that they are."""
        pairs = [(each.get("cpu"), each.get("memory")) for each in (limits | requests, limits)]
        size = next((name for name, pair in SIZES.items() if all(_same(pair, each) for each in pairs)), None)
        if size and set(requests) | set(limits) <= {"cpu", "memory"} and not self.get("resources"):
            self.put("size", size, source)
            return
        self.put("resources.requests", requests, source)
        self.put("resources.limits", limits, source)

    def words(self, path: str, source: Reader) -> None:
        """A command line, as a list or as one string that is split into words as a shell does."""
        text = source.text()
        if text is None:
            self.put(path, source.texts(), source)
            return
        try:
            self.put(path, shlex.split(text), source)
        except ValueError:
            source.leave(f"the quotes don't match: write the words to {path}")

    def written(self) -> Obj:
        """The whole object, its spec in the order of the contract."""
        if "cron" in self.schedule:
            return self._definition()
        return {
            "apiVersion": API_VERSION,
            "kind": self.kind,
            "metadata": {"name": self.name, **self.metadata},
            "spec": checks.in_order(self.model, self.spec),
        }

    def _definition(self) -> Obj:
        """The job as a JobDefinition; what isn't a part of templates goes to the schedule, or away."""
        ours = {str(info.alias or name) for name, info in JobTemplate.model_fields.items()}
        template = {name: value for name, value in self.spec.items() if name in ours}
        schedule = {"name": SCHEDULE} | self.schedule
        spec = {
            "template": checks.in_order(JobTemplate, template),
            "schedules": [checks.in_order(Schedule, schedule)],
        }
        return {
            "apiVersion": API_VERSION,
            "kind": "JobDefinition",
            "metadata": {"name": self.name, **self.metadata},
            "spec": checks.in_order(JobDefinitionSpec, spec),
        }


def object_name(kind: KindName, text: str) -> str:
    """The name nearest to `text` that an object of this kind may have."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    if kind == "WebApp" and not name[:1].isalpha():
        name = f"app-{name}".rstrip("-")
    return name[:63].rstrip("-") or "job"


def named(kind: KindName, source: Reader, options: Options, fallback: str) -> Draft:
    """A draft with the name that the options or the source give it."""
    given = source.text() if not isinstance(source.value, dict) else None
    wanted = options.name or given or fallback
    name = object_name(kind, wanted)
    if not given and not options.name:
        source.changed(f"no name is written here: it is called {name}; --name gives it another")
    elif not options.name and name != given:
        source.changed(f"{given} is no name for a {kind}: it is called {name}")
    return Draft(kind, name, source)


def _same(pair: tuple[str, str], other: tuple[str | None, str | None]) -> bool:
    return all(mine and amount(mine) == amount(size) for size, mine in zip(pair, other, strict=True))

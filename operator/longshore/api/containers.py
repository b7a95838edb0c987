"""Containers beside the app's: those that run before it, and those that run along with it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from longshore.api.base import AbsolutePath, DnsLabel, ListMap, ListType, Model, RelativePath, Rule
from longshore.api.common import (
    SIZE_XOR_RESOURCES,
    Arguments,
    EnvFrom,
    EnvVar,
    ImageReference,
    Resources,
)


class VolumeMount(Model):
    """One of the app's volumes, in another container."""

    name: DnsLabel = Field(description="Name of one of spec.volumes.")
    mount_path: AbsolutePath | None = Field(
        default=None, description="Where the container finds it. Default: the volume's mountPath."
    )
    read_only: bool = Field(
        default=False,
        description="Mount it read-only; what the app mounts read-only is so in any case. Default: false.",
    )
    sub_path: RelativePath | None = Field(
        default=None, description="Mount only this path inside the volume. Default: all of it."
    )


class HelperContainer(Model):
    """A container beside the app's, with the same security settings and account."""

    rules: ClassVar[tuple[Rule, ...]] = (SIZE_XOR_RESOURCES,)
    name: Annotated[
        DnsLabel,
        Rule(
            "!(self in ['app', 'release'])", "app and release are names of Longshore's; choose another name"
        ),
    ] = Field(description="Name of the container, unique among all of the pod.")
    image: ImageReference | None = Field(default=None, description="The container image. Default: the app's.")
    command: Arguments = Field(
        default=[], description="Replaces the image's entrypoint. Default: the image's."
    )
    args: Arguments = Field(default=[], description="Replaces the image's arguments. Default: the image's.")
    env: Annotated[list[EnvVar], Field(max_length=100), ListMap(("name",))] = Field(
        default=[],
        description="Environment variables, at most 100. Those of the app aren't passed on. Default: none.",
    )
    env_from: Annotated[list[EnvFrom], Field(max_length=20), ListType("atomic")] = Field(
        default=[],
        description="Secrets and ConfigMaps whose keys become variables, at most 20. Default: none.",
    )
    size: Literal["Nano", "Micro", "Small", "Medium", "Large", "XLarge"] | None = Field(
        default=None,
        description="cpu and memory, request and limit alike, as spec.size. Default: Nano, unless resources is set.",
    )
    resources: Resources | None = Field(
        default=None, description="Exact requests and limits, instead of size."
    )
    volume_mounts: Annotated[list[VolumeMount], Field(max_length=20), ListMap(("name",))] = Field(
        default=[], description="Volumes of the app that it sees, at most 20. Default: none."
    )


Helpers = Annotated[list[HelperContainer], Field(max_length=4), ListMap(("name",))]


def _mounts_known(field: str) -> Rule:
    return Rule(
        f"!has(self.{field}) || self.{field}.all(c, !has(c.volumeMounts)"
        " || c.volumeMounts.all(m, has(self.volumes) && self.volumes.exists(v, v.name == m.name)))",
        f"{field}[].volumeMounts must name volumes of spec.volumes",
    )


HELPER_RULES = (
    Rule(
        "!has(self.initContainers) || !has(self.sidecars)"
        " || self.initContainers.all(i, !self.sidecars.exists(s, s.name == i.name))",
        "initContainers and sidecars must not share a name",
    ),
    _mounts_known("initContainers"),
    _mounts_known("sidecars"),
)

"""Containers beside the one that is kept: init containers and sidecars of a WebApp, and the ports of its Service."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from longshore.api.containers import HelperContainer
from longshore.convert import checks
from longshore.convert.consistency import settle_amounts
from longshore.convert.draft import Draft, Obj
from longshore.convert.reader import Reader

_RESERVED = ("app", "release")
_PORT_NAMES = ("app", "http", "h2c", "grpc", "tcp")

Fill = Callable[[Draft, Reader], None]


def read_helpers(draft: Draft, pod: Reader, kept: Reader, fill: Fill) -> None:
    """Writes the other containers of the pod; `fill` reads image, command, variables and amounts of one."""
    for each in pod["initContainers"].items():
        along = each["restartPolicy"].holds("Always")
        _helper(draft, "sidecars" if along else "initContainers", each, fill)
    for each in pod["containers"].items():
        if each.path == kept.path:
            continue
        if _helper(draft, "sidecars", each, fill):
            each.changed("a sidecar is started before the app, and stopped after it")


def _helper(draft: Draft, path: str, container: Reader, fill: Fill) -> bool:
    def whole(helper: Draft, source: Reader) -> None:
        fill(helper, source)
        _mounts(draft, helper, source["volumeMounts"])

    return add_helper(draft, path, container, whole)


def add_helper(draft: Draft, path: str, container: Reader, fill: Fill) -> bool:
    """Writes a container to initContainers or sidecars, once `fill` has read it."""
    name = container["name"].text() or ""
    helper = Draft("Helper", f"{name}-{draft.name}" if name in _RESERVED else name, container)
    if helper.name != name:
        container["name"].changed(f"{name} is a name of Longshore's: it is called {helper.name}")
    taken = {each["name"] for key in ("initContainers", "sidecars") for each in draft.get(key) or ()}
    if helper.name in taken:
        container.leave(f"another container is called {helper.name}: give it another name")
        return False
    fill(helper, container)
    if "resources" in helper.spec:
        settle_amounts(helper)
    elif "size" not in helper.spec:
        container.changed(
            "no cpu and memory are set here: size Nano, 100m and 128Mi, holds until you set size or resources"
        )
    made = {"name": helper.name} | helper.spec
    if mistake := checks.mistake_in(HelperContainer, made):
        container.leave(f"{path} doesn't take it: {mistake}")
        return False
    return draft.put(path, [*(draft.get(path) or []), checks.in_order(HelperContainer, made)], container)


def _mounts(draft: Draft, helper: Draft, mounts: Reader) -> None:
    """Volumes of the app, which are those that it mounts itself."""
    there = {each["name"] for each in draft.get("volumes") or ()}
    made: list[Obj] = []
    for each in mounts.items():
        name = each["name"].peek
        if name not in there or any(mount["name"] == name for mount in made):
            each.leave(
                f"{name} isn't a volume that the app mounts, or is mounted twice: add it to volumes first"
            )
            continue
        mount: Obj = {"name": each["name"].text() or ""}
        if where := each["mountPath"].text():
            mount["mountPath"] = where
        if each["readOnly"].flag():
            mount["readOnly"] = True
        if inside := each["subPath"].text():
            mount["subPath"] = inside
        made.append(mount)
    helper.put("volumeMounts", made, mounts)


def read_extra_port(draft: Draft, port: Reader, containers: Sequence[Reader]) -> bool:
    """A further port of a Service, which is one of a container; False where the contract can't have it."""
    target = port["targetPort"].peek or port["port"].peek
    opened = next(
        (
            each
            for container in containers
            for each in container["ports"].items()
            if target in (each["containerPort"].peek, each["name"].peek)
        ),
        None,
    )
    number = opened["containerPort"].peek if opened is not None else target
    name = port["name"].peek or (opened["name"].peek if opened is not None else "")
    held = draft.get("extraPorts") or []
    taken = {str(draft.get("port")), "80", *(str(each["port"]) for each in held)}
    if not number.isdecimal() or number in taken or any(each["name"] == name for each in held):
        return False
    item: Obj = {"name": name, "port": int(number)}
    if name in _PORT_NAMES or checks.mistake(draft.model, "extraPorts", [*held, item]):
        return False
    draft.put("extraPorts", [*held, item], port)
    for key in ("port", "targetPort", "name"):
        port[key].take()
    port["protocol"].holds("TCP")
    if opened is not None:
        for key in ("containerPort", "name"):
            opened[key].take()
        opened["protocol"].holds("TCP")
    if port["port"].peek != number:
        port["port"].changed(f"the Service answers on {number} instead")
    return True

"""The rights that the chart gives: rendered by Helm, applied to an API server, compared with what was asked."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from hack.cluster.apiserver import ApiServer
from hack.cluster.audit import Request
from hack.cluster.build import binaries

ROOT = Path(__file__).parents[2]
RELEASE = "longshore"
NAMESPACE = "longshore-system"
RIGHTS = ("ServiceAccount", "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")
ADMISSION = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
Obj = dict[str, Any]


def render(*values: str) -> list[Obj]:
    """What the chart makes with these values, such as watchNamespaces={ours}."""
    helm = binaries("helm")["helm"]
    command = [str(helm), "template", RELEASE, str(ROOT / "charts" / "longshore"), "-n", NAMESPACE]
    text = subprocess.run(
        [*command, *(part for value in values for part in ("--set", value))],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [each for each in yaml.safe_load_all(text) if each]


def grant(server: ApiServer, objects: Iterable[Obj]) -> Path:
    """Applies accounts, roles and bindings; returns a kubeconfig of the operator's account."""
    server.run("create", "namespace", NAMESPACE)
    rights = [each for each in objects if each["kind"] in RIGHTS]
    server.run("apply", "-f", "-", stdin=yaml.safe_dump_all(rights))
    account = next(each for each in rights if each["kind"] == "ServiceAccount")
    return server.service_account_kubeconfig(NAMESPACE, account["metadata"]["name"])


def rights(objects: Iterable[Obj], *kinds: str) -> set[tuple[str, str, str]]:
    """(group, resource, verb) of each rule of the operator's own roles."""
    return {
        (group, resource, verb)
        for each in objects
        if each["kind"] in kinds and not each["metadata"]["name"].endswith(("-view", "-edit", "-admin"))
        for rule in each["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def asked(requests: Iterable[Request]) -> set[tuple[str, str, str]]:
    """(group, resource, verb) of requests that were granted; a server-side apply that creates needs create, too."""
    found = set()
    for each in requests:
        resource = f"{each.resource}/{each.subresource}" if each.subresource else each.resource
        found.add((each.group, resource, each.verb))
        if each.verb == "patch" and each.code == 201:
            found.add((each.group, resource, "create"))
    return found

"""What would fit: which of its constraints keep a pod from which nodes, and how large the nodes are that are left.

The scheduler says how many nodes each constraint excludes. Here is what it leaves out: what the nodes are like instead.
Only what a node can allocate is known here, not what runs on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from longshore.workload.decision import Obj
from longshore.workload.placement import ARCHITECTURE, CAPACITY_LABELS, ZONE
from longshore.workload.quantities import parse_quantity

MOST_VALUES = 4
"""So many values of a label are named."""
TOLD = frozenset({ZONE, ARCHITECTURE, *CAPACITY_LABELS})
"""Labels whose values are told to whoever may write a workload. Others are for those who may look at nodes: they could be
asked for one by one otherwise."""


@dataclass(frozen=True, slots=True)
class _Constraint:
    """One thing that a pod asks of its node; `instead` says what the excluded nodes are like."""

    what: str
    holds: Callable[[Obj], bool]
    instead: Callable[[Sequence[Obj]], str]


def what_would_fit(pod: Obj, nodes: Iterable[Obj]) -> str:
    """One or two sentences for a pod that no node takes; nothing where no node is known.

    Of the nodes their labels, taints, allocatable amounts, and whether they are ready and not cordoned count.
    """
    pinned = _node_of_its_own(pod.get("spec", {}))
    known = [each for each in nodes if pinned in (None, each["metadata"]["name"])]
    if not known:
        return ""
    usable = [each for each in known if _is_usable(each)]
    if not usable:
        return f"None of {_nodes(len(known))} is ready and not cordoned"
    constraints = _constraints(pod.get("spec", {}))
    left = [node for node in usable if all(each.holds(node) for each in constraints)]
    return _about_size(pod, left, len(usable)) if left else _about_constraints(constraints, usable)


def _about_constraints(constraints: Sequence[_Constraint], nodes: Sequence[Obj]) -> str:
    told, alone = [], []
    for each in constraints:
        excluded = [node for node in nodes if not each.holds(node)]
        if not excluded:
            continue
        instead = each.instead(excluded)
        count = "all" if len(excluded) == len(nodes) else f"{len(excluded)} of {len(nodes)}"
        told.append(f"{each.what} excludes {count}{f' ({instead})' if instead else ''}")
        others = [other for other in constraints if other is not each]
        if freed := sum(all(other.holds(node) for other in others) for node in nodes):
            alone.append(f"without {each.what} {_nodes(freed)} would do")
    one_is_enough = len(told) > 1 and alone
    return (
        f"Of {_nodes(len(nodes))}, " + ", ".join(told) + (f"; {', or '.join(alone)}" if one_is_enough else "")
    )


def _about_size(pod: Obj, nodes: Sequence[Obj], of: int) -> str:
    needs = _needs(pod.get("spec", {}))
    left = "" if len(nodes) == of else f" that placement leaves of {of}"
    which = f"the only node{left}" if len(nodes) == 1 else f"the largest of {_nodes(len(nodes))}{left}"
    largest = {each: max(_allocatable(node, each) for node in nodes) for each in needs}
    if short := sorted(each for each, amount in needs.items() if amount > largest[each]):
        asked = " and ".join(f"{_render(each, needs[each])} {each}" for each in short)
        return f"A pod asks for {asked}; {which} offers {' and '.join(_render(each, largest[each]) for each in short)}"
    enough = sum(all(amount <= _allocatable(node, each) for each, amount in needs.items()) for node in nodes)
    if not enough:
        return f"None of {_nodes(len(nodes))}{left} has at once all that a pod asks for"
    verb = "is" if enough == 1 else "are"
    return f"Of {_nodes(len(nodes))}{left}, {enough} {verb} large enough, but taken up by other pods"


def _terms(spec: Obj) -> Sequence[Obj]:
    affinity = spec.get("affinity", {}).get("nodeAffinity", {})
    terms: Sequence[Obj] = affinity.get("requiredDuringSchedulingIgnoredDuringExecution", {}).get(
        "nodeSelectorTerms", ()
    )
    return terms


def _node_of_its_own(spec: Obj) -> str | None:
    """The node that a pod of a DaemonSet is for."""
    fields = [field for term in _terms(spec) for field in term.get("matchFields", ())]
    return fields[0]["values"][0] if fields else None


def _constraints(spec: Obj) -> list[_Constraint]:
    selector = [_in(key, value) for key, value in sorted(spec.get("nodeSelector", {}).items())]
    alternatives = [each.get("matchExpressions", []) for each in _terms(spec)]
    shared = (
        [each for each in alternatives[0] if all(each in other for other in alternatives)]
        if alternatives
        else []
    )
    rest = [[each for each in expressions if each not in shared] for expressions in alternatives]
    return [
        *selector,
        *map(_expression, shared),
        *([_any_of(rest)] if rest and all(rest) else []),
        _taints(spec.get("tolerations", ())),
    ]


def _in(key: str, value: str) -> _Constraint:
    return _expression({"key": key, "operator": "In", "values": [value]})


def _expression(expression: Obj) -> _Constraint:
    key, operator, values = expression["key"], expression["operator"], expression.get("values", ())
    sign = {"In": "=", "NotIn": "!="}.get(operator)
    what = f"{key}{sign}{'|'.join(values)}" if sign else f"{operator} {key}"
    return _Constraint(what, lambda node: _matches(_labels(node), key, operator, values), _values_of(key))


def _any_of(alternatives: Sequence[Sequence[Obj]]) -> _Constraint:
    """Alternatives, such as the labels by which several clouds tell spot nodes."""
    terms = [[_expression(each) for each in expressions] for expressions in alternatives]
    return _Constraint(
        " or ".join(" and ".join(each.what for each in term) for term in terms),
        lambda node: any(all(each.holds(node) for each in term) for term in terms),
        lambda nodes: "",
    )


def _taints(tolerations: Sequence[Obj]) -> _Constraint:
    def untolerated(node: Obj) -> list[Obj]:
        return [
            taint
            for taint in node.get("spec", {}).get("taints", ())
            if taint["effect"] != "PreferNoSchedule"
            and not any(_tolerates(each, taint) for each in tolerations)
        ]

    def instead(nodes: Sequence[Obj]) -> str:
        found = Counter(_written(taint) for node in nodes for taint in untolerated(node))
        return ", ".join(each for each, _ in _most(found))

    return _Constraint("a taint", lambda node: not untolerated(node), instead)


def _values_of(key: str) -> Callable[[Sequence[Obj]], str]:
    def instead(nodes: Sequence[Obj]) -> str:
        if key not in TOLD:
            return ""
        found = Counter(str(_labels(node)[key]) for node in nodes if key in _labels(node))
        lacking = len(nodes) - found.total()
        parts = [f"{value} on {count}" for value, count in _most(found)]
        more = ["others"] if len(found) > MOST_VALUES else []
        none = [f"no such label on {lacking}"] if lacking else []
        return ", ".join([*parts, *more, *none])

    return instead


def _most(found: Counter[str]) -> list[tuple[str, int]]:
    """In an order that is the same each time."""
    return sorted(found.items(), key=lambda each: (-each[1], each[0]))[:MOST_VALUES]


def _matches(labels: Obj, key: str, operator: str, values: Sequence[str]) -> bool:
    match operator:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:  # Gt and Lt are not ours
            return True


def _tolerates(toleration: Obj, taint: Obj) -> bool:
    return (
        toleration.get("key") in (None, "", taint["key"])
        and toleration.get("effect") in (None, "", taint["effect"])
        and (toleration.get("operator") == "Exists" or toleration.get("value", "") == taint.get("value", ""))
    )


def _written(taint: Obj) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint['key']}{value}:{taint['effect']}"


def _needs(spec: Obj) -> dict[str, Decimal]:
    """What the scheduler looks for: what all containers and sidecars ask for together, or one init container."""
    needs: Counter[str] = Counter()
    for each in spec.get("containers", ()):
        needs.update(_requests(each))
    largest: dict[str, Decimal] = {}
    for each in spec.get("initContainers", ()):
        if each.get("restartPolicy") == "Always":
            needs.update(_requests(each))
        else:
            for resource, amount in _requests(each).items():
                largest[resource] = max(largest.get(resource, Decimal(0)), amount)
    return {each: max(Decimal(needs[each]), largest.get(each, Decimal(0))) for each in [*needs, *largest]}


def _requests(container: Obj) -> dict[str, Decimal]:
    requests = container.get("resources", {}).get("requests", {})
    return {resource: parse_quantity(amount) for resource, amount in requests.items()}


def _allocatable(node: Obj, resource: str) -> Decimal:
    return parse_quantity(node.get("status", {}).get("allocatable", {}).get(resource, 0))


def _is_usable(node: Obj) -> bool:
    conditions = node.get("status", {}).get("conditions", ())
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready and not node.get("spec", {}).get("unschedulable")


def _labels(node: Obj) -> Obj:
    labels: Obj = node["metadata"].get("labels", {})
    return labels


def _render(resource: str, amount: Decimal) -> str:
    if resource in ("memory", "ephemeral-storage"):
        return f"{(amount / 2**30).quantize(Decimal('0.1')).normalize():f}Gi"
    return f"{amount.normalize():f}"


def _nodes(count: int) -> str:
    return "1 node" if count == 1 else f"{count} nodes"

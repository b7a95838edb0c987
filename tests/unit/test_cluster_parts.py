"""The local cluster's parts and roads, as far as they are decided without a cluster."""

from __future__ import annotations

import pytest

from hack.cluster import kind, parts, pod_network
from hack.cluster.build import NODE, OPTIONAL
from hack.cluster.paths import ClusterError


def test_parts_are_named_in_a_list() -> None:
    assert parts.names("gateway,keda") == ("gateway", "keda")
    assert parts.names("gateway registry") == ("gateway", "registry")
    assert parts.names("") == ()


def test_an_unknown_part_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ClusterError, match="no part kafka: known are gateway, keda, cert-manager, registry"):
        parts.names("gateway,kafka")


def test_the_node_image_takes_no_program_of_a_part() -> None:
    assert not {name for family in OPTIONAL for name in family.programs} & set(NODE)


def test_manifests_get_our_images_and_nothing_else_changes() -> None:
    theirs = {"name": "a", "image": "ghcr.io/kedacore/keda:latest", "imagePullPolicy": "Always"}
    other = {"name": "b", "image": "localhost:5000/other"}
    deployment = {"kind": "Deployment", "spec": {"template": {"spec": {"containers": [theirs, other]}}}}
    found = parts.retagged([None, {"kind": "Namespace"}, deployment], {"ghcr.io/kedacore/keda": "ours:1"})
    assert [each["kind"] for each in found] == ["Namespace", "Deployment"]
    assert found[1]["spec"]["template"]["spec"]["containers"] == [
        {"name": "a", "image": "ours:1", "imagePullPolicy": "IfNotPresent"},
        {"name": "b", "image": "localhost:5000/other"},
    ]


def test_an_image_without_a_tag_is_found_too() -> None:
    deployment = {"kind": "Deployment", "spec": {"template": {"spec": {"containers": [{"image": "a/b"}]}}}}
    found = parts.retagged([deployment], {"a/b": "ours:1"})
    assert found[0]["spec"]["template"]["spec"]["containers"][0]["image"] == "ours:1"


def test_nodes_lie_in_zones_by_turns_and_one_node_in_none() -> None:
    several = kind._config(4)["nodes"]
    assert isinstance(several, list)
    assert [each["role"] for each in several] == ["control-plane", "worker", "worker", "worker"]
    assert [each["labels"]["topology.kubernetes.io/zone"] for each in several] == [
        "zone-a",
        "zone-b",
        "zone-c",
        "zone-a",
    ]
    assert kind._config(1)["nodes"] == [{"role": "control-plane"}]


def test_a_node_has_a_road_to_each_other_and_masquerades_once() -> None:
    made = pod_network.script(
        "10.244.1.0/24", [("10.244.0.0/24", "172.18.0.2"), ("10.244.2.0/24", "172.18.0.4")]
    )
    assert '"subnet": "10.244.1.0/24"' in made
    assert "ip route replace 10.244.0.0/24 via 172.18.0.2" in made
    assert "ip route replace 10.244.2.0/24 via 172.18.0.4" in made
    assert "iptables -t nat -C POSTROUTING -s 10.244.0.0/16 ! -d 10.244.0.0/16 -j MASQUERADE" in made

"""Rules for scale sets that are node types of a Service Fabric cluster: one update domain at a time, and the cluster
says when a node may go."""

from __future__ import annotations

import re
from collections.abc import Iterator

from os_upgrades.findings import Broken
from os_upgrades.scale_set import ModelExtension, ScaleSet
from rollout.arm import dig
from rollout.azure import Body

DURABLE = ("silver", "gold")
OLDEST_HANDLER = (1, 1)
EXTENSION = "virtualMachineProfile.extensionProfile.extensions"


def node_type(cluster: Body | None, extension: ModelExtension) -> Body | None:
    """The node type that the scale set is of, or None."""
    wanted = str(extension.settings.get("nodeTypeRef") or "").lower()
    listed = dig(cluster, "properties", "nodeTypes") or ()
    return next((dict(each) for each in listed if str(each.get("name")).lower() == wanted), None)


def is_durable(scale_set: ScaleSet, cluster: Body | None) -> Iterator[Broken]:
    extension = scale_set.service_fabric
    if extension is None or not scale_set.automatic_os_upgrade:
        return
    durability = extension.settings.get("durabilityLevel")
    stateless = (node_type(cluster, extension) or {}).get("isStateless") is True
    if str(durability or "").lower() not in DURABLE and not stateless:
        yield Broken(
            f"{EXTENSION}[{extension.name}].settings.durabilityLevel",
            durability,
            "lets Azure take nodes away without asking the cluster",
            "raise it to Silver or Gold, on the extension and on the cluster's node type; Bronze is enough for "
            "stateless node types alone",
        )


def durability_is_the_clusters(scale_set: ScaleSet, cluster: Body | None) -> Iterator[Broken]:
    extension = scale_set.service_fabric
    if extension is None or cluster is None or not scale_set.automatic_os_upgrade:
        return
    said, found = extension.settings.get("durabilityLevel"), node_type(cluster, extension)
    if found is None:
        return
    of_cluster = found.get("durabilityLevel") or "Bronze"
    if str(said or "").lower() != str(of_cluster).lower():
        yield Broken(
            f"{EXTENSION}[{extension.name}].settings.durabilityLevel",
            said,
            f"is not that of node type {found.get('name')} of the cluster, {of_cluster}, which ends in upgrade errors",
            f"write the same level on both, such as {of_cluster if str(of_cluster).lower() in DURABLE else 'Silver'}",
        )


def handler_is_new_enough(scale_set: ScaleSet, cluster: Body | None) -> Iterator[Broken]:
    extension = scale_set.service_fabric
    if extension is None or not scale_set.automatic_os_upgrade:
        return
    version = extension.text("typeHandlerVersion")
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST_HANDLER:
        yield Broken(
            f"{EXTENSION}[{extension.name}].typeHandlerVersion",
            version or None,
            "is older than 1.1",
            'write "1.1" or newer',
        )


def has_no_probe(scale_set: ScaleSet, cluster: Body | None) -> Iterator[Broken]:
    if scale_set.service_fabric is not None and scale_set.automatic_os_upgrade and scale_set.health_probe_id:
        yield Broken(
            "virtualMachineProfile.networkProfile.healthProbe.id",
            scale_set.health_probe_id,
            "is a load balancer probe, and the health of Service Fabric scale sets is the cluster's to say",
            "take the probe away from the scale set",
        )

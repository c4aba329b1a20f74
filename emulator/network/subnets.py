"""Subnets: children of a virtual network, shown in its body too, with back references to the NICs in them."""

from __future__ import annotations

import ipaddress

from emulator import durations, ids, operations
from emulator.network import addresses, bodies
from emulator.resources import existence
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import Resource, World

TYPE = "Microsoft.Network/virtualNetworks/subnets"


def create(world: World, request: Request, path: dict[str, str]) -> Response:
    subnet_id = _id(path)
    network = existence.require_parent(world, subnet_id)
    known = world.get(subnet_id)
    others = [r.body for r in of_network(world, network.id) if not ids.same(r.id, subnet_id)]
    wanted: Body = {"name": path["subnet"], "properties": bodies.properties_of(request)}
    require_valid(network.body, [*others, wanted])
    resource = write(world, network, path["subnet"], bodies.properties_of(request), state="Updating")
    seconds = durations.draw(world, "subnet put", resource.id)
    headers = operations.start(
        world,
        request,
        kind="network put",
        resource_id=resource.id,
        seconds=seconds,
        done="network.settled",
        resource_id_=resource.id,
    )
    return bodies.answer(resource, 200 if known else 201, headers)


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    return bodies.answer_get(find(world, _id(path)))


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    network = existence.find(world, ids.parent(_id({**path, "subnet": "x"})) or "")
    return Response(200, {"value": [r.body for r in of_network(world, network.id)]})


def delete(world: World, request: Request, path: dict[str, str]) -> Response:
    """202; 204 for a subnet that is not there; 400 InUseSubnetCannotBeDeleted while a NIC is in it."""
    known = world.get(_id(path))
    if known is None:
        return Response(204)
    require_unused(known)
    seconds = durations.draw(world, "subnet delete", known.id)
    headers = operations.start(
        world,
        request,
        kind="network delete",
        resource_id=known.id,
        seconds=seconds,
        done="network.subnet_deleted",
        resource_id_=known.id,
    )
    return Response(202, None, headers)


def find(world: World, subnet_id: str) -> Resource:
    found = world.get(subnet_id)
    if found is None:
        existence.find(world, ids.parent(subnet_id) or "")
        raise bodies.not_found(subnet_id)
    return found


def of_network(world: World, network_id: str) -> list[Resource]:
    return list(world.under(network_id, TYPE))


def write(world: World, network: Resource, name: str, properties: Body, *, state: str) -> Resource:
    """Create or change a subnet of a virtual network, which shows it from then on."""
    subnet_id = f"{network.id}/subnets/{name}"
    known = world.get(subnet_id)
    had: Body = known.body["properties"] if known else {}
    kept = {key: had[key] for key in ("ipConfigurations",) if key in had}
    written: Body = {key: value for key, value in properties.items() if key not in ("provisioningState", *kept)}
    written.setdefault("delegations", [])
    written.setdefault("privateEndpointNetworkPolicies", "Disabled")
    written.setdefault("privateLinkServiceNetworkPolicies", "Enabled")
    body: Body = {
        "name": name,
        "id": known.id if known else subnet_id,
        "properties": {"provisioningState": state, **written, **kept},
        "type": TYPE,
    }
    resource = world.put(body["id"], bodies.stamp(world, body, state))
    show_in_network(world, network.id)
    return resource


def require_unused(subnet: Resource) -> None:
    users = subnet.body["properties"].get("ipConfigurations") or []
    if users:
        # Text as public reports quote it; the code is recorded.
        raise ArmError(
            400,
            "InUseSubnetCannotBeDeleted",
            f"Subnet {ids.name(subnet.id)} is in use by {users[0]['id']} and cannot be deleted. In order to delete the "
            "subnet, delete all the resources within the subnet. See aka.ms/deletesubnet.",
            details=[],
        )


def show_in_network(world: World, network_id: str) -> None:
    """Write the subnets into the body of their network, where GET shows them."""
    network = world.get(network_id)
    if network is not None:
        network.body["properties"]["subnets"] = [r.body for r in of_network(world, network.id)]


def join(world: World, subnet_id: str, configuration_id: str) -> None:
    """Note in the subnet that an ip configuration is in it."""
    subnet = world.get(subnet_id)
    if subnet is None:
        return
    entries = subnet.body["properties"].setdefault("ipConfigurations", [])
    reference = upper(configuration_id)
    known = subnet.hidden.get("address_of")
    if reference.lower() not in known if known is not None else all(entry["id"] != reference for entry in entries):
        entries.append({"id": reference})
        addresses.hold(world, subnet, configuration_id)
        show_in_network(world, ids.parent(subnet.id) or "")


def leave(world: World, subnet_id: str, configuration_id: str) -> None:
    subnet = world.get(subnet_id)
    if subnet is None:
        return
    properties = subnet.body["properties"]
    gone = configuration_id.lower()
    left = [e for e in properties.get("ipConfigurations") or [] if e["id"].lower() != gone]
    addresses.let_go(subnet, configuration_id)
    properties.pop("ipConfigurations", None)
    if left:
        properties["ipConfigurations"] = left
    show_in_network(world, ids.parent(subnet.id) or "")


def upper(configuration_id: str) -> str:
    """The back reference as GET shows it: group, NIC and configuration in upper case (recording
    network-subnet-with-ipconfigurations)."""
    segments = configuration_id.split("/")
    for at in (4, 8, 10):
        segments[at] = segments[at].upper()
    return "/".join(segments)


def require_valid(network: Body, wanted: list[Body]) -> None:
    """Raise 400 unless the prefixes of all `wanted` subnets (name, properties) lie inside the network and apart."""
    space = [ipaddress.IPv4Network(p) for p in network["properties"]["addressSpace"]["addressPrefixes"]]
    taken: list[ipaddress.IPv4Network] = []
    for subnet in wanted:
        name, properties = str(subnet["name"]), subnet.get("properties") or {}
        own: list[ipaddress.IPv4Network] = []
        for prefix in properties.get("addressPrefixes") or [properties.get("addressPrefix")]:
            try:
                own.append(ipaddress.IPv4Network(prefix))
            except (ValueError, TypeError):
                raise ArmError(
                    400,
                    "InvalidCIDRNotation",
                    f"The address prefix {prefix} for resource {network['id']}/subnets/{name} has an invalid CIDR "
                    "notation.",
                    details=[],
                ) from None
        if not all(any(each.subnet_of(outer) for outer in space) for each in own):
            raise ArmError(
                400,
                "NetcfgSubnetRangeOutsideVnet",
                f"Subnet '{name}' is not valid because its IP address range is outside the IP address range of virtual "
                f"network '{network['name']}'.",
                details=[],
            )
        if any(each.overlaps(other) for each in own for other in taken):
            raise ArmError(
                400,
                "NetcfgSubnetRangesOverlap",
                f"Subnet '{name}' is not valid because its IP address range overlaps with that of an existing subnet "
                f"in virtual network '{network['name']}'.",
                details=[],
            )
        taken += own


def settled(world: World, *, operation: str, error: Body | None, resource_id_: str) -> None:
    """Event: the end of a PUT."""
    bodies.settled(world, operation=operation, error=error, resource_id=resource_id_)
    show_in_network(world, ids.parent(resource_id_) or "")


def deleted(world: World, *, operation: str, error: Body | None, resource_id_: str) -> None:
    """Event: the end of a DELETE."""
    if error is None:
        world.delete(resource_id_)
        show_in_network(world, ids.parent(resource_id_) or "")


def _id(path: dict[str, str]) -> str:
    return (
        f"/subscriptions/{path['subscription']}/resourceGroups/{path['group']}/providers/Microsoft.Network/"
        f"virtualNetworks/{path['network']}/subnets/{path['subnet']}"
    )

"""Virtual networks, with the address checks that planners ask for."""

from __future__ import annotations

import ipaddress
from itertools import islice

from emulator import durations, ids, operations
from emulator.network import addresses, bodies, subnets
from emulator.paging import page
from emulator.resources import existence, subscriptions, tags
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import World

TYPE = "Microsoft.Network/virtualNetworks"


def create(world: World, request: Request, path: dict[str, str]) -> Response:
    """201 or 200, both with Updating and Azure-AsyncOperation. A body without `subnets` leaves them as they are."""
    network_id = _id(path)
    known = world.get(network_id)
    properties, sent = bodies.properties_of(request), dict(request.body or {})
    space = (properties.get("addressSpace") or {}).get("addressPrefixes") or []
    if not space:
        raise ArmError(400, "InvalidRequestFormat", "The address space of the virtual network is missing.", details=[])
    location = sent.get("location") or (known.body["location"] if known else None)
    if not location:
        raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
    existence.require_group(world, network_id)
    had: Body = known.body["properties"] if known else {}
    body: Body = {
        "name": path["network"],
        "id": known.id if known else network_id,
        "type": TYPE,
        "location": subscriptions.normal_location(
            str(sent.get("location") or (known.body if known else {})["location"])
        ),
        **({"tags": tags.validate(sent["tags"])} if sent.get("tags") else {}),
        "properties": {
            "provisioningState": "Updating",
            "resourceGuid": had.get("resourceGuid") or world.guid(),
            "addressSpace": {"addressPrefixes": [str(ipaddress.IPv4Network(p)) for p in space]},
            **{k: properties[k] for k in ("dhcpOptions", "flowTimeoutInMinutes", "encryption") if k in properties},
            "subnets": had.get("subnets", []),
            "virtualNetworkPeerings": properties.get("virtualNetworkPeerings", []),
            "enableDdosProtection": bool(properties.get("enableDdosProtection", False)),
        },
    }
    wanted = {str(each["name"]).lower(): each for each in properties.get("subnets") or []}
    dropped = [
        subnet
        for subnet in subnets.of_network(world, body["id"])
        if "subnets" in properties and ids.name(subnet.id).lower() not in wanted
    ]
    for subnet in dropped:
        subnets.require_unused(subnet)
    subnets.require_valid(body, list(wanted.values()))
    resource = world.put(body["id"], bodies.stamp(world, body, "Updating"))
    for subnet in dropped:
        world.delete(subnet.id)
    for each in wanted.values():
        subnets.write(world, resource, str(each["name"]), dict(each.get("properties") or {}), state="Succeeded")
    subnets.show_in_network(world, resource.id)
    seconds = durations.draw(world, "vnet put", resource.id)
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


def update_tags(world: World, request: Request, path: dict[str, str]) -> Response:
    known = existence.find(world, _id(path))
    changed = {**known.body, "tags": tags.validate((request.body or {}).get("tags"))}
    return bodies.answer(world.put(known.id, bodies.stamp(world, changed, "Succeeded")))


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    return bodies.answer_get(existence.find(world, _id(path)))


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    scope = f"/subscriptions/{path['subscription']}"
    if "group" in path:
        scope += f"/resourceGroups/{path['group']}"
    return Response(200, page(request, [r.body for r in world.under(scope, TYPE)]))


def delete(world: World, request: Request, path: dict[str, str]) -> Response:
    known = world.get(_id(path))
    if known is None:
        return Response(204)
    for subnet in subnets.of_network(world, known.id):
        subnets.require_unused(subnet)
    seconds = durations.draw(world, "vnet delete", known.id)
    headers = operations.start(
        world,
        request,
        kind="network delete",
        resource_id=known.id,
        seconds=seconds,
        done="network.virtual_network_deleted",
        resource_id_=known.id,
    )
    return Response(202, None, headers)


def deleted(world: World, *, operation: str, error: Body | None, resource_id_: str) -> None:
    """Event: the end of a DELETE."""
    if error is None:
        for subnet in subnets.of_network(world, resource_id_):
            world.delete(subnet.id)
        world.delete(resource_id_)


def check_address(world: World, request: Request, path: dict[str, str]) -> Response:
    """GET CheckIPAddressAvailability?ipAddress=: whether it is free, and up to five that are."""
    known = existence.find(world, _id(path))
    wanted = request.query.get("ipaddress", "")
    for subnet in subnets.of_network(world, known.id):
        try:
            inside = ipaddress.IPv4Address(wanted) in addresses.network_of(subnet.body)
        except ValueError:
            raise ArmError(400, "InvalidIPAddressFormat", f"Value '{wanted}' is not a valid IP address.") from None
        if inside:
            taken = addresses.allocated(world, subnet.id)
            network = addresses.network_of(subnet.body)
            offset = int(ipaddress.IPv4Address(wanted)) - int(network.network_address)
            usable = addresses.RESERVED_FIRST <= offset < network.num_addresses - addresses.RESERVED_LAST
            if usable and wanted not in taken:
                return Response(200, {"available": True})
            others = list(islice(addresses.free(world, subnet, set()), 5))
            return Response(200, {"available": False, "availableIPAddresses": others})
    return Response(200, {"available": False, "availableIPAddresses": []})


def list_usages(world: World, request: Request, path: dict[str, str]) -> Response:
    """How many addresses of each subnet are taken, and how many there are."""
    known = existence.find(world, _id(path))
    return Response(
        200,
        {
            "value": [
                {
                    "currentValue": float(len(subnet.body["properties"].get("ipConfigurations") or [])),
                    "id": subnet.id,
                    "limit": float(addresses.usable(subnet.body)),
                    "name": {"localizedValue": "Subnet size and usage", "value": "SubnetSpace"},
                    "unit": "Count",
                }
                for subnet in subnets.of_network(world, known.id)
            ]
        },
    )


def _id(path: dict[str, str]) -> str:
    return (
        f"/subscriptions/{path['subscription']}/resourceGroups/{path['group']}/providers/Microsoft.Network/"
        f"virtualNetworks/{path['network']}"
    )

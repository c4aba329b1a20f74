"""Network interfaces: an address from a subnet, and one virtual machine at a time.

PUT of a new one is 201 and already Succeeded, without operation headers; a change is 200 Updating with
Azure-AsyncOperation; DELETE is 202 and ends in 204 (recording network-nic-lifecycle).
"""

from __future__ import annotations

from typing import Any

from emulator import durations, ids, operations
from emulator.authorization import check
from emulator.network import addresses, bodies, subnets
from emulator.paging import page
from emulator.resources import existence, subscriptions, tags
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import Resource, World

TYPE = addresses.NIC
RESERVED_FOR = 180.0
"""Seconds for which the NIC of a VM that failed stays that VM's (issue reports, NicReservedForAnotherVm)."""


def create(world: World, request: Request, path: dict[str, str]) -> Response:
    nic_id = _id(path)
    existence.require_group(world, nic_id)
    known = world.get(nic_id)
    nic_id = known.id if known else nic_id
    properties, sent = bodies.properties_of(request), dict(request.body or {})
    check.linked(
        world,
        request,
        _links(properties),
        performing=("Microsoft.Network/networkInterfaces/write", nic_id),
    )
    location = sent.get("location") or (known.body["location"] if known else None)
    if not location:
        raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
    body: Body = {
        "name": path["nic"],
        "id": nic_id,
        **({"tags": tags.validate(sent["tags"])} if sent.get("tags") is not None else {}),
        "properties": {},
        "type": TYPE,
        "location": subscriptions.normal_location(str(location)),
        "kind": "Regular",
    }
    body["properties"] = _properties(world, nic_id, body["location"], properties, known)
    for configuration in (known.body["properties"]["ipConfigurations"]) if known else []:
        subnets.leave(world, configuration["properties"]["subnet"]["id"], configuration["id"])
    resource = world.put(nic_id, bodies.stamp(world, body, "Updating" if known else "Succeeded"))
    for configuration in body["properties"]["ipConfigurations"]:
        subnets.join(world, configuration["properties"]["subnet"]["id"], configuration["id"])
    if known is None:
        return bodies.answer(resource, 201)
    seconds = durations.draw(world, "nic put", nic_id)
    headers = operations.start(
        world,
        request,
        kind="network put",
        resource_id=nic_id,
        seconds=seconds,
        done="network.settled",
        resource_id_=nic_id,
    )
    return bodies.answer(resource, 200, headers)


def update_tags(world: World, request: Request, path: dict[str, str]) -> Response:
    known = existence.find(world, _id(path))
    changed = {**known.body, "tags": tags.validate((request.body or {}).get("tags"))}
    return bodies.answer(world.put(known.id, bodies.stamp(world, changed, "Succeeded")))


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    existence.require_group(world, _id(path))
    return bodies.answer_get(existence.find(world, _id(path)))


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    scope = f"/subscriptions/{path['subscription']}"
    if "group" in path:
        scope += f"/resourceGroups/{path['group']}"
        existence.require_group(world, scope)
    return Response(200, page(request, [r.body for r in world.under(scope, TYPE)]))


def delete(world: World, request: Request, path: dict[str, str]) -> Response:
    known = world.get(_id(path))
    if known is None:
        return Response(204)
    vm = attached_to(known)
    if vm is not None:
        raise ArmError(
            400,
            "NicInUse",
            f"Network Interface {known.id} is used by existing resource {vm}. In order to delete the network "
            "interface, it must be dissociated from the resource. To learn more, see aka.ms/deletenic.",
            details=[],
        )
    require_not_reserved(world, known)
    seconds = durations.draw(world, "nic delete", known.id)
    headers = operations.start(
        world,
        request,
        kind="network delete",
        resource_id=known.id,
        seconds=seconds,
        done="network.nic_deleted",
        nic=known.id,
    )
    return Response(202, None, headers)


# -- what a virtual machine does with its NICs


def attached_to(nic: Resource) -> str | None:
    """The id of the VM that has the NIC."""
    return bodies.reference(nic.body["properties"].get("virtualMachine"))


def require_not_reserved(world: World, nic: Resource, vm_id: str | None = None) -> None:
    """Raise 400 NicReservedForAnotherVm while the NIC is kept for a VM that failed, unless `vm_id` is that VM."""
    reserved = nic.hidden.get("reserved")
    if reserved is None or reserved["until"] <= world.now or ids.same(reserved["vm"], vm_id):
        return
    raise ArmError(
        400,
        "NicReservedForAnotherVm",
        "Nic(s) in request is reserved for another Virtual Machine for 180 seconds. Please provide another nic(s) or "
        f"retry after 180 seconds. Reserved VM: {reserved['vm']}",
        details=[],
    )


def reserve(world: World, nic_id: str, vm_id: str) -> None:
    """Keep a NIC for a VM whose creation failed."""
    nic = world.get(nic_id)
    if nic is not None:
        nic.hidden["reserved"] = {"vm": vm_id, "until": world.now + RESERVED_FOR}


def attach(world: World, nic_id: str, vm_id: str, *, primary: bool = True) -> None:
    """The NIC belongs to a VM from now on: `virtualMachine`, `primary` and a MAC address appear."""
    nic = world.get(nic_id)
    if nic is None or ids.same(attached_to(nic), vm_id):
        return
    nic.hidden.pop("reserved", None)
    properties = {**nic.body["properties"], "primary": primary, "virtualMachine": {"id": vm_id}}
    properties.setdefault("macAddress", _mac(world))
    world.put(nic.id, bodies.stamp(world, {**nic.body, "properties": properties}, "Succeeded"))


def detach(world: World, nic_id: str) -> None:
    """The NIC is nobody's again; it keeps its address."""
    nic = world.get(nic_id)
    if nic is None:
        return
    properties = {k: v for k, v in nic.body["properties"].items() if k not in ("virtualMachine", "primary")}
    world.put(nic.id, bodies.stamp(world, {**nic.body, "properties": properties}, "Succeeded"))


def remove(world: World, nic_id: str) -> None:
    """Take the NIC away at once and give its addresses back (deleteOption Delete of a VM, end of a DELETE)."""
    nic = world.get(nic_id)
    if nic is None:
        return
    for configuration in nic.body["properties"]["ipConfigurations"]:
        subnets.leave(world, configuration["properties"]["subnet"]["id"], configuration["id"])
    world.delete(nic.id)


def deleted(world: World, *, operation: str, error: Body | None, nic: str) -> None:
    """Event: the end of a DELETE."""
    if error is None:
        remove(world, nic)


def _properties(world: World, nic_id: str, location: str, sent: Body, known: Resource | None) -> Body:
    had: Body = known.body["properties"] if known else {}
    suffix = (had.get("dnsSettings") or {}).get("internalDomainNameSuffix")
    dns = sent.get("dnsSettings") or {}
    label = dns.get("internalDnsNameLabel")
    suffix = suffix or f"{world.random.getrandbits(64):013x}.ax.internal.cloudapp.net"
    properties: Body = {
        "provisioningState": "Updating",
        "resourceGuid": had.get("resourceGuid") or world.guid(),
        "ipConfigurations": _configurations(world, nic_id, location, sent.get("ipConfigurations") or [], had),
        "dnsSettings": {
            "dnsServers": list(dns.get("dnsServers") or []),
            "appliedDnsServers": [],
            **({"internalDnsNameLabel": label, "internalFqdn": f"{label}.{suffix}"} if label else {}),
            "internalDomainNameSuffix": suffix,
        },
        **{k: had[k] for k in ("macAddress", "primary", "virtualMachine") if k in had},
        "enableAcceleratedNetworking": bool(sent.get("enableAcceleratedNetworking", False)),
        "vnetEncryptionSupported": False,
        "enableIPForwarding": bool(sent.get("enableIPForwarding", False)),
        "disableTcpStateTracking": bool(sent.get("disableTcpStateTracking", False)),
        **({"networkSecurityGroup": sent["networkSecurityGroup"]} if sent.get("networkSecurityGroup") else {}),
        "hostedWorkloads": [],
        "tapConfigurations": [],
        "nicType": "Standard",
        "allowPort25Out": True,
        "auxiliaryMode": sent.get("auxiliaryMode", "None"),
        "auxiliarySku": sent.get("auxiliarySku", "None"),
    }
    return properties


def _configurations(world: World, nic_id: str, location: str, sent: list[Any], had: Body) -> list[Body]:
    if not sent:
        raise ArmError(
            400,
            "NetworkInterfaceMustHaveOneIpConfiguration",
            f"Network interface {nic_id} must have one or more IP configurations.",
            details=[],
        )
    before = {c["name"].lower(): c["properties"] for c in had.get("ipConfigurations") or []}
    any_primary = any((c.get("properties") or {}).get("primary") for c in sent)
    made: list[Body] = []
    given: dict[str, str] = {}
    for index, configuration in enumerate(sent):
        name, wanted = str(configuration["name"]), dict(configuration.get("properties") or {})
        configuration_id = f"{nic_id}/ipConfigurations/{name}"
        subnet = _subnet(world, nic_id, location, bodies.reference(wanted.get("subnet")))
        old = before.get(name.lower(), {})
        stays = old and ids.same(old["subnet"]["id"], subnet.id)
        static = str(wanted.get("privateIPAllocationMethod") or "Dynamic").lower() == "static"
        if static and wanted.get("privateIPAddress"):
            address = addresses.claim(world, subnet, configuration_id, str(wanted["privateIPAddress"]), given)
        elif stays:
            address = old["privateIPAddress"]  # recorded: Static to Dynamic keeps the address
        else:
            address = addresses.allocate(world, subnet, set(given))
        given[address] = configuration_id
        kept = {
            key: wanted[key]
            for key in (
                "publicIPAddress",
                "loadBalancerBackendAddressPools",
                "loadBalancerInboundNatRules",
                "applicationSecurityGroups",
            )
            if wanted.get(key)
        }
        made.append(
            {
                "name": name,
                "id": configuration_id,
                "etag": "",
                "type": "Microsoft.Network/networkInterfaces/ipConfigurations",
                "properties": {
                    "provisioningState": "Updating",
                    "privateIPAddress": address,
                    "privateIPAllocationMethod": "Static" if static else "Dynamic",
                    "subnet": {"id": bodies.reference(wanted.get("subnet"))},
                    "primary": bool(wanted.get("primary")) if any_primary else index == 0,
                    "privateIPAddressVersion": wanted.get("privateIPAddressVersion") or "IPv4",
                    **kept,
                },
            }
        )
    return made


def _subnet(world: World, nic_id: str, location: str, subnet_id: str | None) -> Resource:
    if subnet_id is None:
        raise ArmError(
            400,
            "IpConfigurationMustReferenceSubnet",
            f"Ip configuration of network interface {nic_id} does not reference a subnet.",
            details=[],
        )
    subnet, network = world.get(subnet_id), world.get(ids.parent(subnet_id) or "")
    if subnet is None or network is None or network.body["location"] != location:
        raise bodies.invalid_reference(subnet_id, nic_id)
    return subnet


def _links(properties: Body) -> list[tuple[str, str]]:
    """What a NIC joins needs its own permission (learn.microsoft.com/azure/virtual-network/virtual-network-network-interface#permissions)."""  # noqa: E501
    found: list[tuple[str, str]] = []

    def add(action: str, value: Any) -> None:
        target = bodies.reference(value)
        if target is not None:
            found.append((f"Microsoft.Network/{action}", target))

    add("networkSecurityGroups/join/action", properties.get("networkSecurityGroup"))
    for configuration in properties.get("ipConfigurations") or []:
        inner = configuration.get("properties") or {}
        add("virtualNetworks/subnets/join/action", inner.get("subnet"))
        add("publicIPAddresses/join/action", inner.get("publicIPAddress"))
        for pool in inner.get("loadBalancerBackendAddressPools") or []:
            add("loadBalancers/backendAddressPools/join/action", pool)
        for rule in inner.get("loadBalancerInboundNatRules") or []:
            add("loadBalancers/inboundNatRules/join/action", rule)
        for group in inner.get("applicationSecurityGroups") or []:
            add("applicationSecurityGroups/joinIpConfiguration/action", group)
    return found


def _mac(world: World) -> str:
    tail = world.random.getrandbits(24)
    return "60-45-BD-" + "-".join(f"{tail >> shift & 0xFF:02X}" for shift in (16, 8, 0))


def _id(path: dict[str, str]) -> str:
    return (
        f"/subscriptions/{path['subscription']}/resourceGroups/{path['group']}/providers/Microsoft.Network/"
        f"networkInterfaces/{path['nic']}"
    )

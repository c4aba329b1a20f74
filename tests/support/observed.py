"""Pools as literals: bodies in the shape of Azure's REST API, with the few keys that decide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rollout import names, pool_record, record
from rollout.arm import Disk, SessionHost, Vm
from rollout.clock import iso
from rollout.declaration import Declaration, parse
from rollout.images import Image, Kind, Region
from rollout.observation import Host, Pool

SUBSCRIPTION = "/subscriptions/11111111-1111-1111-1111-111111111111"
GROUP = f"{SUBSCRIPTION}/resourceGroups/avd"
POOL = f"{GROUP}/providers/Microsoft.DesktopVirtualization/hostPools/hp1"
DEFINITION = f"{GROUP}/providers/Microsoft.Compute/galleries/avd/images/win11"
SUBNET = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/vnet/subnets/hosts"
LOCATION = "westeurope"
NOW = 1_768_251_600.0
SECRETS = "https://kv.vault.azure.net/secrets"

Body = dict[str, Any]


def version(number: str, definition: str = DEFINITION) -> str:
    """Id of a gallery image version."""
    return f"{definition}/versions/{number}"


def merge(body: Body, changes: Mapping[str, Any]) -> Body:
    """The body with changes at any depth; None removes a key."""
    result = dict(body)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merge(result[key], value)
        else:
            result[key] = value
    return result


def declaration(**inputs: Any) -> Declaration:
    given: Body = {
        "host_pool_id": POOL,
        "image": DEFINITION,
        "version": "1.0.1",
        "join": {
            "type": "ad",
            "domain": "contoso.com",
            "user": "joiner@contoso.com",
            "password_secret": f"{SECRETS}/join",
        },
        "local_admin": {"username_secret": f"{SECRETS}/name", "password_secret": f"{SECRETS}/password"},
    }
    return parse({**given, **inputs})


def image(number: str = "1.0.1", **changes: Any) -> Image:
    fields: Body = {
        "id": version(number),
        "version": number,
        "reference": {"id": version(number)},
        "generation": "V2",
        "security_types": frozenset({"Standard", "TrustedLaunch"}),
        "os_disk_gb": 127,
        "architecture": "x64",
        "plan": None,
        "regions": {LOCATION: Region(2, "Completed")},
        "kind": Kind.GALLERY,
    }
    return Image(**{**fields, **changes})


def vm_id(name: str, group: str = GROUP) -> str:
    return f"{group}/providers/Microsoft.Compute/virtualMachines/{name}"


def disk_id(name: str, group: str = GROUP) -> str:
    return f"{group}/providers/Microsoft.Compute/disks/{name}"


def vm_body(name: str, group: str = GROUP, **changes: Any) -> Body:
    body: Body = {
        "id": vm_id(name, group),
        "name": name,
        "location": LOCATION,
        "zones": ["1"],
        "tags": {},
        "properties": {
            "vmId": f"guid-of-{name}",
            "hardwareProfile": {"vmSize": "Standard_D4s_v5"},
            "provisioningState": "Succeeded",
            "securityProfile": {"securityType": "TrustedLaunch"},
            "storageProfile": {
                "osDisk": {"name": f"{name}-os", "managedDisk": {"id": disk_id(f"{name}-os", group)}},
            },
            "networkProfile": {
                "networkInterfaces": [{"id": f"{group}/providers/Microsoft.Network/networkInterfaces/{name}-nic"}]
            },
        },
    }
    return merge(body, changes)


def disk_body(name: str, group: str = GROUP, *, runs: str | None = "1.0.0", **changes: Any) -> Body:
    creation: Body = {"createOption": "FromImage"}
    if runs:
        creation["galleryImageReference"] = {"id": version(runs)}
    body: Body = {
        "id": disk_id(name, group),
        "name": name,
        "location": LOCATION,
        "sku": {"name": "Premium_LRS"},
        "tags": {},
        "properties": {
            "diskState": "Attached",
            "diskSizeGB": 127,
            "hyperVGeneration": "V2",
            "securityProfile": {"securityType": "TrustedLaunch"},
            "supportedCapabilities": {"architecture": "x64"},
            "creationData": creation,
        },
    }
    return merge(body, changes)


def session_host_body(vm: str, group: str = GROUP, *, domain: str = ".contoso.com", **properties: Any) -> Body:
    """A session host in the lower-case spelling that Azure answers with."""
    found: Body = {
        "resourceId": vm_id(vm, group),
        "virtualMachineId": f"guid-of-{vm}",
        "status": "Available",
        "allowNewSession": True,
        "sessions": 0,
        "lastHeartBeat": iso(NOW - 20),
        "sessionHostHealthCheckResults": [],
    }
    return {
        "id": f"{POOL}/sessionHosts/{vm}{domain}".replace("resourceGroups", "resourcegroups"),
        "name": f"hp1/{vm}{domain}",
        "properties": {**found, **properties},
    }


def host(
    name: str,
    *,
    runs: str | None = "1.0.0",
    vm: Mapping[str, Any] | None = None,
    disk: Mapping[str, Any] | None = None,
    kept: Iterable[Disk] = (),
    found: record.HostRecord | None = None,
    in_pool: bool = True,
    domain: str = ".contoso.com",
    **session_host: Any,
) -> Host:
    """A healthy host; `runs` is the version of its disk, `vm` and `disk` are changes of the bodies."""
    return Host(
        Vm(vm_body(name, **(vm or {}))),
        SessionHost(session_host_body(name, domain=domain, **session_host)) if in_pool else None,
        Disk(disk_body(f"{name}-os", runs=runs, managedBy=vm_id(name), **(disk or {}))),
        tuple(kept),
        found,
    )


def kept_disk(name: str, of: str, runs: str, *, state: str = "old", until: float = NOW + 3600, **changes: Any) -> Disk:
    tags = {
        names.DISK_STATE: state,
        names.DISK_HOST: of,
        names.DISK_HOST_ID: f"guid-of-{of}",
        names.DISK_IMAGE: version(runs),
        names.DISK_KEEP_UNTIL: iso(until),
    }
    return Disk(disk_body(name, runs=runs, tags=tags, **merge({"properties": {"diskState": "Unattached"}}, changes)))


def pool(hosts: Iterable[Host] = (), *, tags: Mapping[str, str] | None = None, **changes: Any) -> Pool:
    """A pool of these hosts; other keyword arguments are fields of `Pool`, `properties` those of its body."""
    all_hosts = tuple(hosts)
    body: Body = {
        "id": POOL,
        "location": "northeurope",
        "tags": dict(tags or {}),
        "properties": {"hostPoolType": "Pooled", "maxSessionLimit": 10, **changes.pop("properties", {})},
    }
    disks = [disk for host in all_hosts for disk in (host.os_disk, *host.kept) if disk is not None]
    fields: Body = {
        "body": body,
        "id": POOL,
        "hosts": all_hosts,
        "ghosts": (),
        "disks": tuple(disks),
        "tags": dict(tags or {}),
        "record": pool_record.decode((tags or {}).get(names.RECORD)),
        "scaling_plans": (),
        "observed_at": NOW,
    }
    return Pool(**{**fields, **changes})

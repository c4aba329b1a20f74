"""The pre-checks on the emulator: what is wrong with an emulated cloud, and what comes near it without being wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulator.authorization import check
from emulator.resources import groups
from emulator.wire import Body
from emulator.world import Resource
from rollout import prechecks
from rollout.declaration import parse
from rollout.image_sources import resolve
from rollout.observation import observe
from rollout.prechecks import Finding, Mode
from simulation.in_process import in_process_cloud
from simulation.rights.grants import BUILD_GROUP, SCOPES, grant
from simulation.rights.scenarios import PLAN
from simulation.rights.scenarios import PURCHASED as PURCHASED_IMAGE
from tests.support.log_analytics import deploy_table
from tests.support.pools import DEFINITION, GROUP, INPUTS, POOL, SUBSCRIPTION, Bench, bench
from tools.rights import declared

Prepare = Callable[[Bench], None]

HOSTS = f"{GROUP}/providers/Microsoft.Compute/virtualMachines"
NETWORK = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/avd-vnet"
VAULT = "https://localhost/keyvault/avd-kv/secrets"
VERSION = f"{DEFINITION}/versions/1.0.1"
ENTRA: Mapping[str, Any] = {"join": {"type": "entra", "mdm_id": "0000000a-0000-0000-c000-000000000000"}}


def nothing(made: Bench) -> None:
    """As it was put up."""


@dataclass(frozen=True)
class Setting:
    """An emulated cloud and what is declared for it."""

    prepare: Prepare = nothing
    inputs: Mapping[str, Any] = field(default_factory=dict)
    pool: Mapping[str, Any] = field(default_factory=dict)
    mode: Mode = "check"
    without: tuple[str, str] | None = None
    """(purpose, action): asked as the updater, with the custom role but for this action, and all groups apart."""

    async def findings(self, folder: Path) -> list[Finding]:
        """What the pre-checks say of it."""
        apart = {"apart": True} if self.without else {}
        made = await bench(folder, **{"hosts": 5, "users": 0, **apart, **self.pool})
        inputs: Mapping[str, Any] = {**INPUTS, "image": made.definition, **self.inputs}
        if self.without:
            groups.add(made.emulator.world, BUILD_GROUP.split("/")[2], BUILD_GROUP.rsplit("/", 1)[1], "westeurope")
            inputs = {**inputs, "build_resource_group_id": BUILD_GROUP}
            grant(made, declared().without(self.without))
        made.emulator.advance(made.clock.now())
        self.prepare(made)
        declaration = parse({name: value for name, value in inputs.items() if value is not None})
        principal = "updater" if self.without else "deployer"
        async with in_process_cloud(made.emulator, made.clock, principal=principal) as azure:
            pool = await observe(azure, declaration, at=azure.azure_time())
            image = await resolve(azure, declaration, pool.location)
            return await prechecks.run(azure, declaration, pool, image, mode=self.mode)


# -- what is changed about an emulated cloud


def _of_type(made: Bench, kind: str) -> Iterator[Resource]:
    return (r for r in made.emulator.world.resources.values() if str(r.body.get("type")).lower() == kind.lower())


def _merge(body: Body, changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(body.get(key), dict):
            _merge(body[key], value)
        else:
            body[key] = value


def changed(resource_id: str, changes: Mapping[str, Any]) -> Prepare:
    """The body of one resource, at any depth."""

    def prepare(made: Bench) -> None:
        found = made.emulator.world.get(resource_id)
        assert found is not None, resource_id
        _merge(found.body, changes)

    return prepare


def version(**properties: Any) -> Prepare:
    return changed(VERSION, {"properties": properties})


def definition(**properties: Any) -> Prepare:
    return changed(DEFINITION, {"properties": properties})


def vm(name: str = "vm-0", **changes: Any) -> Prepare:
    return changed(f"{HOSTS}/{name}", changes)


def several_of(what: str, count: int) -> Prepare:
    """vm-0 has so many data disks or network interfaces, all like its first."""

    def prepare(made: Bench) -> None:
        found = made.emulator.world.get(f"{HOSTS}/vm-0")
        assert found is not None
        profile = found.body["properties"]["storageProfile" if what == "dataDisks" else "networkProfile"]
        profile[what] = [profile[what][0]] * count

    return prepare


def all_vms(**changes: Any) -> Prepare:
    def prepare(made: Bench) -> None:
        for found in _of_type(made, "Microsoft.Compute/virtualMachines"):
            _merge(found.body, changes)

    return prepare


def os_disk(name: str = "vm-0", **properties: Any) -> Prepare:
    def prepare(made: Bench) -> None:
        disk = made.emulator.world.get(_os_disk_id(made, name))
        assert disk is not None
        _merge(disk.body["properties"], properties)

    return prepare


def _os_disk_id(made: Bench, name: str) -> str:
    return str(made.vm(name)["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"])


def os_disk_is_elsewhere(made: Bench) -> None:
    """The OS disk of vm-0 is not to be seen by anybody."""
    made.emulator.world.delete(_os_disk_id(made, "vm-0"))


def os_disk_group_is_locked(made: Bench) -> None:
    """The OS disk of vm-0 was put into a group of its own, which is locked."""
    world = made.emulator.world
    group = groups.add(world, SUBSCRIPTION.rsplit("/", 1)[-1], "avd-disks", "westeurope")
    old = world.get(_os_disk_id(made, "vm-0"))
    assert old is not None
    moved = f"{group}/providers/Microsoft.Compute/disks/{old.body['name']}"
    world.put(moved, {**old.body, "id": moved}, old.hidden)
    world.delete(old.id)
    vm(properties={"storageProfile": {"osDisk": {"managedDisk": {"id": moved}}}})(made)
    lock(group, "CanNotDelete")(made)


def hidden(name: str = "vm-0", **changes: Any) -> Prepare:
    """What the emulator knows of a VM and does not show in its body."""

    def prepare(made: Bench) -> None:
        found = made.emulator.world.get(f"{HOSTS}/{name}")
        assert found is not None
        found.hidden.update(changes)

    return prepare


def session_host(name: str, **properties: Any) -> Prepare:
    return changed(f"{POOL}/sessionHosts/{name}.contoso.com", {"properties": properties})


def silent(*names: str, seconds: float = 3600.0) -> Prepare:
    """Session hosts whose agents were last heard of so long ago."""

    def prepare(made: Bench) -> None:
        for name in names:
            record = made.emulator.world.get(f"{POOL}/sessionHosts/{name}.contoso.com")
            assert record is not None
            record.hidden.update(running=False, since=made.clock.now() - seconds)

    return prepare


def fslogix_broken(made: Bench) -> None:
    """The agent of vm-0 finds FSLogix broken at its next look."""
    from emulator.desktopvirtualization import agent

    world = made.emulator.world
    record = world.get(f"{POOL}/sessionHosts/vm-0.contoso.com")
    host = world.get(f"{HOSTS}/vm-0")
    assert record is not None and host is not None
    record.hidden["fslogix_broken"] = True
    agent.recheck(world, host)


def registered_twice(made: Bench) -> None:
    """A record of an earlier registration of vm-0, by another name."""
    world = made.emulator.world
    record = world.get(f"{POOL}/sessionHosts/vm-0.contoso.com")
    broker = world.sections["avd"][POOL.lower()]
    assert record is not None
    old = f"{POOL}/sessionHosts/vm-0.old.contoso.com"
    body = {**record.body, "id": old, "name": "hp1/vm-0.old.contoso.com", "properties": {**record.body["properties"]}}
    body["properties"]["virtualMachineId"] = "00000000-0000-4000-8000-00000000000f"
    world.put(old, body, {**record.hidden, "running": False})
    broker.hosts[old.lower()] = {}


def vm_is_gone(made: Bench) -> None:
    """The VM of vm-4 was deleted, its record was not."""
    made.emulator.world.delete(f"{HOSTS}/vm-4")


def lock(scope: str, level: str) -> Prepare:
    def prepare(made: Bench) -> None:
        path = f"{scope}/providers/Microsoft.Authorization/locks/keep"
        answer = made.ask("PUT", path, {"properties": {"level": level}}, "2020-05-01")
        assert answer.status == 201, answer.body

    return prepare


def setting(**values: Any) -> Prepare:
    """Settings of the emulator: quota, restricted_sizes, restricted_zones."""

    def prepare(made: Bench) -> None:
        made.emulator.world.sections["settings"].update(values)

    return prepare


def subnet_full(free: int) -> Prepare:
    """The hosts' subnet has so many free addresses (a /28 has eleven)."""

    def prepare(made: Bench) -> None:
        subnet = made.emulator.world.get(f"{NETWORK}/subnets/hosts")
        assert subnet is not None
        there = subnet.body["properties"]["ipConfigurations"]
        subnet.body["properties"]["addressPrefix"] = "10.0.0.0/28"
        there += [{"id": f"{there[0]['id']}-{n}"} for n in range(11 - free - len(there))]

    return prepare


def in_two_subnets(free: int) -> Prepare:
    """vm-3 and vm-4 are in another subnet, which has so many free addresses (a /29 has three)."""

    def prepare(made: Bench) -> None:
        world = made.emulator.world
        first, other = (world.get(f"{NETWORK}/subnets/{name}") for name in ("hosts", "build"))
        assert first is not None and other is not None
        there = first.body["properties"]["ipConfigurations"]
        moved = [entry for entry in there if "/VM-3-NIC/" in entry["id"] or "/VM-4-NIC/" in entry["id"]]
        first.body["properties"]["ipConfigurations"] = [entry for entry in there if entry not in moved]
        taken = [{"id": f"{moved[0]['id']}-{n}"} for n in range(3 - free - len(moved))]
        other.body["properties"] |= {"addressPrefix": "10.128.0.0/29", "ipConfigurations": [*moved, *taken]}
        for name in ("vm-3", "vm-4"):
            nic = world.get(f"{GROUP}/providers/Microsoft.Network/networkInterfaces/{name}-nic")
            assert nic is not None
            nic.body["properties"]["ipConfigurations"][0]["properties"]["subnet"] = {"id": other.id}

    return prepare


def tagged(**tags: str) -> Prepare:
    def prepare(made: Bench) -> None:
        names = {name.replace("_", "-"): value for name, value in tags.items()}
        path = f"{POOL}/providers/Microsoft.Resources/tags/default"
        made.ask("PATCH", path, {"operation": "Merge", "properties": {"tags": names}}, "2021-04-01")

    return prepare


def secret(name: str, value: str, **attributes: float | bool) -> Prepare:
    """Another version of a secret; `exp` and `nbf` count in seconds from now."""

    def prepare(made: Bench) -> None:
        now = int(made.clock.now())
        given = {k: v if isinstance(v, bool) else now + int(v) for k, v in attributes.items()}
        body = {"value": value, "attributes": given}
        answer = made.ask("PUT", f"/keyvault/avd-kv/secrets/{name}", body, "7.5")
        assert answer.status == 200, answer.body

    return prepare


def told_by(*names: str) -> dict[str, Any]:
    """Inputs that have services told whose URLs these secrets hold."""
    return {"notify": {"url_secrets": [f"{VAULT}/{name}" for name in names]}}


def disabled(name: str) -> Prepare:
    def prepare(made: Bench) -> None:
        made.ask("PATCH", f"/keyvault/avd-kv/secrets/{name}", {"attributes": {"enabled": False}}, "7.5")

    return prepare


def failing(path: str, status: int, code: str) -> Prepare:
    """Calls of a path are answered so."""

    def prepare(made: Bench) -> None:
        effect = {"type": "status", "status": status, "code": code}
        made.control("POST", "faults", {"seed": 1, "rules": [{"id": "failing", "path": path, "effect": effect}]})

    return prepare


def slow(path: str, seconds: float) -> Prepare:
    """Calls of a path are answered so late."""

    def prepare(made: Bench) -> None:
        effect = {"type": "delay", "seconds": seconds}
        made.control("POST", "faults", {"seed": 1, "rules": [{"id": "slow", "path": path, "effect": effect}]})

    return prepare


def purchased(*, accepted: bool) -> Prepare:
    """The hosts were made with a purchase plan."""

    def prepare(made: Bench) -> None:
        all_vms(plan=dict(PLAN))(made)
        if accepted:
            path = (
                f"{SUBSCRIPTION}/providers/Microsoft.MarketplaceOrdering/offerTypes/virtualmachine/publishers/"
                f"{PLAN['publisher']}/offers/{PLAN['product']}/plans/{PLAN['name']}/agreements/current"
            )
            made.ask("PUT", path, {"properties": {"accepted": True}}, "2015-06-01")

    return prepare


PURCHASED: Mapping[str, Any] = PURCHASED_IMAGE


def graph_roles(*roles: str) -> Prepare:
    """What the caller may do in Microsoft Graph."""

    def prepare(made: Bench) -> None:
        for principal in made.emulator.world.sections["principals"].values():
            principal["graph_roles"] = list(roles)

    return prepare


def second_device(made: Bench) -> None:
    """Another device has the name of vm-0."""
    from emulator import computers

    graph_roles("Device.ReadWrite.All")(made)
    computers.register_device(made.emulator.world, "vm-0", "another machine")


def reads(count: int) -> Prepare:
    """Somebody else reads so much with the same principal."""

    def prepare(made: Bench) -> None:
        for _ in range(count):
            made.ask("GET", POOL, None, "2024-04-03")

    return prepare


def extension(name: str, *, settings: Mapping[str, Any] | None = None, **properties: Any) -> Prepare:
    """An extension of vm-0: another one, or the known one with other settings."""
    extension_id = f"{HOSTS}/vm-0/extensions/{name}"

    def prepare(made: Bench) -> None:
        known = made.emulator.world.get(extension_id)
        if known is None:
            body = {
                "id": extension_id,
                "name": name,
                "type": "Microsoft.Compute/virtualMachines/extensions",
                "location": "westeurope",
                "properties": {"provisioningState": "Succeeded", "settings": {}, "typeHandlerVersion": "1.0"},
            }
            known = made.emulator.world.put(extension_id, body, {"statuses": []})
        _merge(known.body["properties"], {**properties, **({"settings": dict(settings)} if settings else {})})

    return prepare


MONITORING = f"{GROUP}-monitoring"
RULE = f"{MONITORING}/providers/Microsoft.Insights/dataCollectionRules/avd-image-update"
ROWS: Mapping[str, Any] = {
    "log_analytics": {
        "endpoint": "https://avd.ingest.monitor.azure.com",
        "rule_id": f"dcr-{'0' * 32}",
        "resource_id": RULE,
    }
}


def log_table(*, without: str = "") -> Prepare:
    """The table of the audit log, its rule, and the updater's roles there but for one."""

    def prepare(made: Bench) -> None:
        groups.add(made.emulator.world, MONITORING.split("/")[2], MONITORING.rsplit("/", 1)[1], "westeurope")
        deploy_table(made.emulator, "https://localhost", group=MONITORING)
        for assignment in list(_of_type(made, "Microsoft.Authorization/roleAssignments")):
            there = assignment.id.lower().startswith(f"{RULE.lower()}/")
            if there and without and assignment.body["properties"]["roleDefinitionId"].endswith(without):
                made.emulator.world.delete(assignment.id)
        check.forget(made.emulator.world)

    return prepare


def several(*steps: Prepare) -> Prepare:
    def prepare(made: Bench) -> None:
        for step in steps:
            step(made)

    return prepare


def without_roles_on_hosts(made: Bench) -> None:
    """The role of the updater does not cover the hosts' group."""
    world = made.emulator.world
    for assignment in list(_of_type(made, "Microsoft.Authorization/roleAssignments")):
        if assignment.id.lower().startswith(f"{SCOPES['hosts'].lower()}/"):
            world.delete(assignment.id)
    check.forget(world)

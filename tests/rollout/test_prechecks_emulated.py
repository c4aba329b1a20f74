"""Every pre-check against the emulator: it finds what is wrong, and is silent where something comes near it.

Literals are in the other tests of pre-checks; here the real clients ask, as the deployer or with the updater's role.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from emulator.authorization.roles import MONITORING_METRICS_PUBLISHER, READER
from emulator.scenario_outside import COMMUNITY_IMAGE, SHARED_IMAGE
from rollout import names
from rollout.clock import iso
from rollout.hold import Hold
from rollout.lease import Holder
from rollout.protection import TAG
from simulation.virtual_time import EPOCH, virtually
from tests.support.pools import DEFINITION, GROUP, POOL, SUBSCRIPTION, Bench
from tests.support.prechecked_emulated import (
    ENTRA,
    HOSTS,
    NETWORK,
    PURCHASED,
    ROWS,
    VAULT,
    Setting,
    all_vms,
    changed,
    definition,
    disabled,
    extension,
    failing,
    fslogix_broken,
    graph_roles,
    hidden,
    in_two_subnets,
    lock,
    log_table,
    os_disk,
    os_disk_group_is_locked,
    os_disk_is_elsewhere,
    purchased,
    reads,
    registered_twice,
    second_device,
    secret,
    session_host,
    setting,
    several,
    several_of,
    silent,
    slow,
    subnet_full,
    tagged,
    told_by,
    version,
    vm,
    vm_is_gone,
    without_roles_on_hosts,
)
from tools.docs_from_code import SOURCES, findings

SCALING_PLAN = f"{GROUP}/providers/Microsoft.DesktopVirtualization/scalingPlans/sp1"
DAY = 86400.0
NIGHTS = {"recur_every": "Day", "start": "22:00", "duration": "PT6H", "time_zone": "UTC"}
SHORT = {**NIGHTS, "duration": "PT2H"}
LEASE = Holder("anna@pc", 3, EPOCH + 1000 * DAY).encode()
ENDED = Holder("anna@pc", 3, EPOCH).encode()
JOIN: dict[str, Any] = {
    "type": "ad",
    "domain": "contoso.com",
    "ou_path": "OU=AVD,DC=contoso,DC=com",
    "password_secret": f"{VAULT}/domain-join-password",
}
READ = "Microsoft.Compute/locations/usages/read"
PLAIN = "domain-join-password"
WEBHOOK = "jsons://user:secret@host.invalid/path"


@dataclass(frozen=True)
class Case:
    """`wrong` gives the finding, `near` does not."""

    id: str
    wrong: Setting
    near: Setting
    says: str = ""
    """What the finding's line has in it."""
    warns: bool = False


def scaled(**schedule: Any) -> Any:
    base = {"name": "every-day", "daysOfWeek": ["Monday"], **schedule}
    return changed(SCALING_PLAN, {"properties": {"schedules": [base]}})


def _pool() -> Iterator[Case]:
    yield Case("personal-pool", Setting(pool={"personal": True}), Setting(), "declare a pooled host pool")
    yield Case("automated-pool", Setting(pool={"automated": True}), Setting(), "managementType Standard")
    yield Case("empty-pool", Setting(pool={"empty": True}), Setting(pool={"hosts": 2}), "Session hosts > Add")
    unset = {"max_session_limit": 999999}
    yield Case("no-session-limit", Setting(pool=unset), Setting(pool=unset, inputs={"sessions_per_host": 8}), "--max-")
    near = Setting(inputs={"min_serving": 4, "max_unavailable": 1})
    yield Case("floor-never-holds", Setting(inputs={"min_serving": 5}), near, "declare at most 2")
    yield Case("floor-narrows-window", Setting(inputs={"min_serving": 4}), near, "at most 1 are out", warns=True)
    one_up = {"hosts": 4, "off": 3}
    yield Case(
        "floor-not-reachable",
        Setting(inputs={"min_serving": 1}, pool=one_up),
        Setting(inputs={"min_serving": 1}, pool={"hosts": 4, "off": 2}),
        "az vm start",
        warns=True,
    )
    busy = {"hosts": 3, "sessions_per_host": 12}
    yield Case(
        "floor-holds-hosts-back", Setting(pool=busy), Setting(pool={"hosts": 3, "sessions_per_host": 5}), "36 sessions",
        warns=True,
    )  # fmt: skip
    yield Case("all-drained", Setting(pool={"draining": 5}), Setting(pool={"draining": 4}), "drain mode", warns=True)
    lease = Setting(tagged(**{names.LEASE: LEASE}))
    yield Case("lease-held", lease, Setting(tagged(**{names.LEASE: ENDED})), "anna@pc")
    yield Case("lease-held", Setting(lease.prepare, mode="preview"), Setting(lease.prepare, mode="start"), warns=True)
    paused = tagged(**{names.PAUSE: "anna"})
    yield Case("paused", Setting(paused), Setting(), "resume")
    yield Case("paused", Setting(paused, mode="start"), Setting(), "resume", warns=True)


def _hosts() -> Iterator[Case]:
    yield Case("former-session-host", Setting(registered_twice), Setting(), "VM vm-0", warns=True)
    yield Case("session-host-without-vm", Setting(vm_is_gone), Setting(registered_twice), "vm-4.contoso", warns=True)
    two, one = silent("vm-0", "vm-1"), silent("vm-0")
    yield Case("unhealthy-hosts", Setting(two), Setting(one), "2 of 5 hosts are unhealthy, more than 20%")
    yield Case("unhealthy-hosts", Setting(one, {"max_unavailable": 1}), Setting(one), "hold all", warns=True)
    off = Setting(pool={"off": 2})
    yield Case("host-unhealthy", Setting(one), off, "vm-0: it does not serve (no heartbeat", warns=True)
    sick = Setting(pool={"needs_assistance": 1})
    accepted = Setting(inputs={"verify": {"accept": ["Available", "NeedsAssistance"]}}, pool=sick.pool)
    yield Case("host-unhealthy", sick, accepted, "(status NeedsAssistance)", warns=True)
    old = session_host("vm-0", agentVersion="1.0.9103.3700")
    updating = [session_host(f"vm-{n}", agentVersion=f"1.0.9{n}03.3700") for n in range(3)]
    yield Case("agent-behind", Setting(old), Setting(several(*updating)), "RDAgentBootLoader", warns=True)
    failed = session_host("vm-0", updateState="Failed", updateErrorMessage="no way out")
    yield Case("agent-update-failed", Setting(failed), Setting(old), "(no way out)", warns=True)
    near = Setting(pool={"needs_assistance": 1})
    yield Case("fslogix-unhealthy", Setting(fslogix_broken), near, "profile containers may stay attached", warns=True)
    pool = {"off": 1}
    long, not_so = silent("vm-4", seconds=91 * DAY), silent("vm-4", seconds=89 * DAY)
    yield Case("session-host-stale", Setting(long, pool=pool), Setting(not_so, pool=pool), "vm-4", warns=True)


def _users() -> Iterator[Case]:
    hasty = {"drain": {"deadline": "PT30M", "log_off": "force", "grace": "PT2M", "allow_data_loss": True}}
    people = {"sessions_per_host": 2}
    at_once = Setting(inputs=hasty, pool=people)
    yield Case("sessions-at-risk", at_once, Setting(inputs=hasty), "10 sessions on 5 hosts", warns=True)
    tag = vm(tags={TAG: "2099-01-01"})
    ignored = Setting(tag, {"protection": {"policy": "ignore"}})
    yield Case("protected-host", Setting(tag), ignored, "vm-0: ", warns=True)


def _autoscale() -> Iterator[Case]:
    on = {"scaling_plan": True}
    makes = scaled(scalingMethod="CreateDeletePowerManage")
    powers = scaled(scalingMethod="PowerManage")
    yield Case("scaling-plan-creates-hosts", Setting(makes, pool=on), Setting(powers, pool=on), "PowerManage")
    untagged = {**on, "exclusion_tag": ""}
    yield Case("no-exclusion-tag", Setting(pool=untagged), Setting(pool=on), "--exclusion-tag avd-no-autoscale")
    yield Case("no-exclusion-tag", Setting(inputs={"exclusion_tag": "mine"}, pool=on), Setting(pool=on), "heeds")
    yield Case("no-exclusion-tag", Setting(pool=untagged), Setting(pool={"exclusion_tag": ""}))


def _rights() -> Iterator[Case]:
    def lacking(purpose: str, action: str, **more: Any) -> Setting:
        return Setting(without=(purpose, action), **more)

    all_of_them = lacking("nowhere", "nothing")
    yield Case(
        "missing-action",
        lacking("hosts", "Microsoft.Compute/virtualMachines/start/action"),
        all_of_them,
        "az role assignment create",
    )
    yield Case(
        "missing-action",
        lacking("pool", "Microsoft.DesktopVirtualization/hostpools/retrieveRegistrationToken/action"),
        all_of_them,
        "retrieveRegistrationToken",
    )
    yield Case("host-out-of-scope", lacking("nowhere", "", prepare=without_roles_on_hosts), all_of_them, "avd-hosts")
    for id, purpose, action in (
        ("rights-unknown", "hosts", "Microsoft.Authorization/permissions/read"),
        ("addresses-unknown", "network", "Microsoft.Network/virtualNetworks/subnets/read"),
        ("build-group-unknown", "build", "Microsoft.Resources/subscriptions/resourceGroups/read"),
        ("locks-unknown", "build", "Microsoft.Authorization/locks/read"),
        ("quota-unknown", "catalog", "Microsoft.Compute/skus/read"),
        ("quota-unknown", "catalog", READ),
    ):
        yield Case(id, lacking(purpose, action), all_of_them, action, warns=True)


def _locks() -> Iterator[Case]:
    near = Setting(lock(f"{GROUP}/providers/Microsoft.KeyVault/vaults/avd-kv", "ReadOnly"))
    yield Case("lock", Setting(lock(SUBSCRIPTION, "CanNotDelete")), near, "az lock delete --ids")
    yield Case("lock", Setting(lock(GROUP, "ReadOnly")), near, "forbids to write")
    yield Case("lock", Setting(lock(f"{HOSTS}/vm-0", "CanNotDelete")), near, "extensions of VM vm-0")
    yield Case("lock", Setting(lock(POOL, "CanNotDelete")), near, "session-host records")
    yield Case("lock", Setting(os_disk_group_is_locked), near, "the OS disk of vm-0")


def _image() -> Iterator[Case]:
    yield Case("image-os", Setting(definition(osType="Linux")), Setting(), "use a Windows image")
    yield Case("image-specialized", Setting(definition(osState="Specialized")), Setting(), "--os-state Generalized")
    dated = version(publishingProfile={"endOfLifeDate": "2026-02-01T00:00:00Z"})
    yield Case("image-end-of-life", Setting(dated), Setting(), "2026-02-01", warns=True)
    everybody, some = ({"image": image, "version": "1.0.1"} for image in (COMMUNITY_IMAGE, SHARED_IMAGE))
    yield Case(
        "image-community",
        Setting(inputs=everybody, pool={"outside": True}),
        Setting(inputs=some, pool={"outside": True}),
        "Microsoft neither checks nor supports it",
        warns=True,
    )
    elsewhere = version(publishingProfile={"targetRegions": [{"name": "North Europe", "regionalReplicaCount": 2}]})
    yield Case("image-not-in-region", Setting(elsewhere), Setting(), "az sig image-version update")
    yield Case("image-not-replicated", Setting(changed_replication("Replicating")), Setting(), "is Replicating")
    single = version(publishingProfile={"targetRegions": [{"name": "West Europe", "regionalReplicaCount": 1}]})
    many = {"hosts": 60}
    yield Case(
        "image-replicas",
        Setting(single, {"max_building": 51}, many),
        Setting(single, {"max_building": 50}, many),
        "max_building: 50",
        warns=True,
    )
    yield Case("image-generation", Setting(definition(hyperVGeneration="V1")), Setting(), "generation V2 VM")
    yield Case("image-security-type", Setting(definition(features=[])), Setting(), "--features SecurityType")
    yield Case("image-architecture", Setting(definition(architecture="Arm64")), Setting(), "is Arm64")
    large = version(storageProfile={"osDiskImage": {"sizeInGB": 256}})
    same = version(storageProfile={"osDiskImage": {"sizeInGB": 127}})
    yield Case("image-larger-disk", Setting(large), Setting(same), "grow_os_disk: true")
    yield Case("image-larger-disk", Setting(large, {"grow_os_disk": True}), Setting(same), "256 GB", warns=True)
    bought = Setting(purchased(accepted=True), PURCHASED)
    yield Case("purchase-plan", Setting(inputs=PURCHASED), bought, "a VM's plan can never change")
    unsigned = Setting(purchased(accepted=False), PURCHASED)
    yield Case("terms-not-accepted", unsigned, bought, "az vm image terms")
    unknown = Setting(several(purchased(accepted=True), failing("MarketplaceOrdering", 409, "Missing")), PURCHASED)
    yield Case("terms-unknown", unknown, bought, "could not be checked", warns=True)


def changed_replication(state: str) -> Any:
    def prepare(made: Any) -> None:
        found = made.emulator.world.get(f"{made.definition}/versions/1.0.1")
        found.hidden["replication"] = {"westeurope": {"state": state, "from": 0.0, "to": EPOCH + DAY}}

    return prepare


def _machines() -> Iterator[Case]:
    ephemeral = vm(properties={"storageProfile": {"osDisk": {"diffDiskSettings": {"option": "Local"}}}})
    yield Case("ephemeral-os-disk", Setting(ephemeral), Setting(), "az vm reimage")
    excluded = Setting(os_disk_is_elsewhere, {"exclude": ["vm-0"]})
    yield Case("os-disk-unreadable", Setting(os_disk_is_elsewhere), excluded, "Microsoft.Compute/disks/read")
    encrypted = os_disk(encryptionSettingsCollection={"enabled": True})
    not_so = os_disk(encryptionSettingsCollection={"enabled": False})
    yield Case("azure-disk-encryption", Setting(encrypted), Setting(not_so), "az vm encryption disable")
    by_extension = extension("ade", publisher="Microsoft.Azure.Security", type="AzureDiskEncryption")
    yield Case("azure-disk-encryption", Setting(by_extension), Setting(not_so), "OSDiskSwapNotSupported")
    confidential = vm(properties={"securityProfile": {"securityType": "ConfidentialVM"}})
    yield Case("confidential-vm", Setting(confidential), Setting(), "exclude it")
    of_customer = f"{GROUP}/providers/Microsoft.Compute/diskEncryptionSets/a"
    elsewhere = of_customer.replace("/avd/", "/keys/")
    named = vm(properties={"storageProfile": {"osDisk": {"managedDisk": {"diskEncryptionSet": {"id": of_customer}}}}})
    both = several(named, os_disk(encryption={"diskEncryptionSetId": of_customer.upper()}))
    yield Case("encryption-set", Setting(named), Setting(both), "--disk-encryption-set")
    keyed = os_disk(encryption={"diskEncryptionSetId": of_customer})
    updater, owner = Setting(keyed, without=("nowhere", "")), Setting(keyed)
    yield Case("encryption-set-rights", updater, owner, "LinkedAuthorizationFailed")
    other_set = Setting(os_disk(encryption={"diskEncryptionSetId": elsewhere}), without=("nowhere", ""))
    yield Case("encryption-set-rights", other_set, updater, "is not known", warns=True)
    may = vm("vm-4", properties={"additionalCapabilities": {"hibernationEnabled": True}})
    off = {"off": 1}
    asleep = several(may, hidden("vm-4", hibernated=True))
    yield Case("hibernated", Setting(asleep, pool=off), Setting(may, pool=off), "az vm start")
    preview = Setting(may, pool=off, mode="preview")
    yield Case("hibernated", preview, Setting(may, mode="preview"), "may be hibernated", warns=True)
    yield Case("vm-failed", Setting(vm(properties={"provisioningState": "Failed"})), Setting(), "reapply", warns=True)
    odd = extension("odd", publisher="Contoso", type="Agent")
    known = extension("dsc", publisher="Microsoft.Azure.NetworkWatcher", type="NetworkWatcherAgentWindows")
    yield Case("unknown-extension", Setting(odd), Setting(known), "az vm extension delete")


def _joining() -> Iterator[Case]:
    entra = Setting(inputs={**ENTRA, "device_cleanup": "leave"}, pool={"join": "entra"})
    yield Case("no-join", Setting(inputs={"join": None}), Setting(), "type: entra")
    nobody = all_vms(identity={"type": "UserAssigned"})
    yield Case("no-system-identity", Setting(nobody, entra.inputs, entra.pool), entra, "az vm identity assign")
    bare, down_level = {**JOIN, "user": "joiner"}, {**JOIN, "user": "CONTOSO\\joiner"}
    yield Case(
        "join-account-form", Setting(inputs={"join": bare}), Setting(inputs={"join": down_level}),
        "declare join.user: 'joiner@contoso.com'", warns=True,
    )  # fmt: skip
    yield Case("join-differs", Setting(inputs=entra.inputs), entra, "declare join.type: ad")
    moved = {**JOIN, "user": "joiner@contoso.com", "ou_path": "OU=Other,DC=contoso,DC=com"}
    yield Case("join-differs", Setting(inputs={"join": moved}), Setting(), "declare join.ou_path")
    other = Setting(inputs={"join": {**JOIN, "user": "newcomer@contoso.com"}})
    yield Case("computer-owner", other, Setting(inputs={"join": down_level}), "KB5020276", warns=True)
    stays = Setting(inputs=ENTRA, pool=entra.pool)
    yield Case("entra-device-in-the-way", stays, entra, "declare device_cleanup: leave or graph", warns=True)
    graph = {**ENTRA, "device_cleanup": "graph"}
    may = Setting(graph_roles("Device.ReadWrite.All"), graph, entra.pool)
    yield Case("graph-forbidden", Setting(graph_roles(), graph, entra.pool), may, "Device.ReadWrite.All")
    lost = several(graph_roles("Device.ReadWrite.All"), failing("/graph/", 400, "Request_BadRequest"))
    yield Case("graph-unreadable", Setting(lost, graph, entra.pool), may, "400")
    yield Case("entra-devices-of-one-name", Setting(second_device, graph, entra.pool), may, "2 devices", warns=True)


def _building() -> Iterator[Case]:
    gone = {"build_resource_group_id": f"{SUBSCRIPTION}/resourceGroups/gone"}
    yield Case("build-group-missing", Setting(inputs=gone), Setting(), "az group create --name gone")
    yield Case("no-local-admin", Setting(inputs={"local_admin": None}), Setting(), "Key Vault secret URIs")
    nowhere, there = {"build_subnet_id": f"{NETWORK}/subnets/x"}, {"build_subnet_id": f"{NETWORK}/subnets/build"}
    yield Case("subnet-missing", Setting(inputs=nowhere), Setting(inputs=there), "az network vnet subnet list")
    yield Case("subnet-full", Setting(subnet_full(4)), Setting(subnet_full(5)), "declare max_building: 4")
    two = {"max_building": 2}
    yield Case(
        "subnet-full", Setting(in_two_subnets(1)), Setting(in_two_subnets(1), {"max_building": 1}), "subnet build has 1"
    )
    yield Case("subnet-full", Setting(in_two_subnets(0), two), Setting(subnet_full(2), two), "and 2 temporary machines")
    size = {"vm_size": "Standard_D8s_v5"}
    cores = "standardDSv5Family"
    yield Case("quota", Setting(setting(quota={cores: 39})), Setting(setting(quota={cores: 40})), "max_building: 4")
    yield Case("quota", Setting(setting(quota={"cores": 39})), Setting(setting(quota={"cores": 40})), "Quotas >")
    yield Case(
        "size-quota",
        Setting(setting(quota={cores: 39}), {**size, "max_building": 1}),
        Setting(setting(quota={cores: 40}), {**size, "max_building": 1}),
        "5 hosts of that size need 20 more",
    )
    # There are five OS disks of the one type already, and seven other disks of the other one.
    premium, plain = "PremiumDiskCount", "StandardSSDDiskCount"
    full, just = (Setting(setting(quota={premium: limit})) for limit in (9, 10))
    yield Case(
        "disk-quota", full, just, "5 new OS disks: beside those that the hosts have they need 5 of quota Premium"
    )
    other = Setting(setting(quota={plain: 11}), {"os_disk_type": "StandardSSD_LRS"})
    yield Case("disk-quota", other, Setting(other.prepare), "4 of 11 are free")
    yield Case("size-unknown", Setting(inputs={"vm_size": "Standard_X1"}), Setting(inputs=size), "az vm list-skus")
    closed = setting(restricted_sizes={"Standard_D4s_v5": ["westeurope"]})
    elsewhere = setting(restricted_sizes={"Standard_D4s_v5": ["northeurope"]})
    yield Case("size-restricted", Setting(closed), Setting(elsewhere), "NotAvailableForSubscription")
    zone, no_hosts_there = (setting(restricted_zones={"Standard_D4s_v5": [z]}) for z in ("2", "3"))
    yield Case("size-not-in-zone", Setting(zone), Setting(no_hosts_there, pool={"hosts": 2}), "its zone 2")
    first = definition(hyperVGeneration="V1")
    second = Setting(inputs={"vm_size": "Standard_D4s_v6"})
    yield Case("size-generation", Setting(first, second.inputs), second, "runs generation V2")
    arm = definition(architecture="Arm64")
    yield Case("size-architecture", Setting(arm), Setting(), "size Standard_D4s_v5 is x64")
    basic = {"vm_size": "Standard_A2_v2"}
    premium = {**basic, "os_disk_type": "Premium_LRS"}
    standard = {**basic, "os_disk_type": "StandardSSD_LRS"}
    yield Case("size-without-premium", Setting(inputs=premium), Setting(inputs=standard), "takes no premium disks")
    kept_type = Setting(inputs=basic, pool={"os_disk_type": "StandardSSD_LRS"})
    yield Case("size-without-premium", Setting(inputs=basic), kept_type, "declare StandardSSD_LRS")
    small = {"vm_size": "Standard_D2s_v5"}
    five, four = (several_of("dataDisks", count) for count in (5, 4))
    yield Case("size-too-small", Setting(five, small), Setting(four, small), "vm-0: it has 5 data disks")
    three, two_of_them = (several_of("networkInterfaces", count) for count in (3, 2))
    yield Case("size-too-small", Setting(three, small), Setting(two_of_them, small), "takes 2")
    guarded = vm(properties={"securityProfile": {"encryptionAtHost": True}})
    yield Case("size-without-host-encryption", Setting(guarded, basic), Setting(guarded, size), "Standard_A2_v2")
    big = {"vm_size": "Standard_M64s"}
    yield Case("size-without-trusted-launch", Setting(inputs=big), Setting(inputs=size), "Standard_M64s does not")
    local = {"vm_size": "Standard_D4ds_v5"}
    yield Case("size-temporary-disk", Setting(inputs=local), Setting(inputs=size), "without a temporary disk")


def _secrets() -> Iterator[Case]:
    missing = {"join": {**JOIN, "user": "joiner@contoso.com", "password_secret": f"{VAULT}/nothing"}}
    yield Case("secret-missing", Setting(inputs=missing), Setting(), "az keyvault secret set")
    yield Case("secret-missing", Setting(inputs=missing, mode="preview"), Setting(), "join.password_secret")
    off = disabled(PLAIN)
    yield Case("secret-disabled", Setting(off), Setting(disabled("local-admin-nothing")), "--enabled true")
    lacking = ("secrets", "Microsoft.KeyVault/vaults/secrets/getSecret/action")
    all_of_them = Setting(without=("nowhere", ""))
    yield Case("secret-forbidden", Setting(without=lacking), all_of_them, "Key Vault Secrets User")
    yield Case(
        "secret-forbidden", Setting(without=lacking, mode="preview"), all_of_them, "could not be checked", warns=True
    )
    broken = failing(f"/secrets/{PLAIN}", 400, "BadParameter")
    yield Case("secret-unreadable", Setting(broken), Setting(), "could not be read (400 BadParameter)")
    yield Case("secret-unreadable", Setting(broken, mode="preview"), Setting(), "reachable", warns=True)
    silent_vault = Setting(slow(f"/secrets/{PLAIN}", 60), mode="preview")
    yield Case("secret-unreadable", silent_vault, Setting(slow(f"/secrets/{PLAIN}", 10)), "(0 NoAnswer)", warns=True)
    past, soon, later = (secret(PLAIN, "J0in-the-domain!", exp=at) for at in (-60, 600, 30 * DAY))
    yield Case("secret-expired", Setting(past), Setting(soon), iso(EPOCH)[:10])
    yield Case("secret-expired", Setting(past, mode="preview"), Setting(later, mode="preview"), "--expires")
    yield Case("secret-expires", Setting(soon), Setting(later), "before the rollout is expected to end", warns=True)
    ahead, begun = secret(PLAIN, "J0in-the-domain!", nbf=600), secret(PLAIN, "J0in-the-domain!", nbf=-600)
    yield Case("secret-not-yet-valid", Setting(ahead), Setting(begun), "is valid from", warns=True)
    yield Case("secret-empty", Setting(secret(PLAIN, "")), Setting(secret(PLAIN, "x")), "set its value")
    for wrong, right, name, why in (
        ("admin", "avd-admin", "local-admin-name", "names that Azure refuses"),
        ("a" * 21, "a" * 20, "local-admin-name", "longer than 20"),
        ("avd.", "a.vd", "local-admin-name", "ends with a period"),
        ("Password22", "Passwords22", "local-admin-password", "everybody knows"),
        ("Aa1!aaa", "Aa1!aaaa", "local-admin-password", "8 to 123"),
        ("aaaaaaaa1", "aaaaaaa1_", "local-admin-password", "three of these"),
    ):
        yield Case("local-admin-refused", Setting(secret(name, wrong)), Setting(secret(name, right)), why)
    hook = several(secret("hook", WEBHOOK), secret("other", "foo://bar"))
    one, two = told_by("hook"), told_by("hook", "other")
    preview = Setting(hook, two, mode="preview")
    yield Case("notify-url-unknown", preview, Setting(hook, one, mode="preview"), "a URL that begins with foo://")
    yield Case("notify-url-unknown", Setting(hook, two), Setting(hook, one), "apprise", warns=True)
    nobody = told_by("nothing")
    yield Case("secret-missing", Setting(inputs=nobody, mode="preview"), Setting(hook, one), "notify.url_secrets[0]")
    yield Case("secret-missing", Setting(inputs=nobody), Setting(hook, one), "notify.url_secrets[0]", warns=True)


def _window() -> Iterator[Case]:
    far, near = iso(EPOCH + 14 * DAY + 7200), iso(EPOCH + 14 * DAY)
    yield Case("start-too-far", Setting(inputs={"start_at": far}), Setting(inputs={"start_at": near}), "14 days")
    nights = Setting(inputs={"window": NIGHTS})
    patient = Setting(inputs={"window": NIGHTS, "drain": {"deadline": "PT8H"}})
    yield Case("drain-outlasts-window", patient, nights, "make drain.deadline shorter", warns=True)
    bakes = {"window": SHORT, "canary": {"hosts": 1, "bake": "PT2H"}}
    baked = {"window": SHORT, "canary": {"hosts": 1, "bake": "PT1H"}}
    yield Case("window-too-short", Setting(inputs=bakes), Setting(inputs=baked), "make the window longer")
    hurried = Setting(inputs={"window": NIGHTS, "emergency": {"reason": "CVE-2026-1234"}})
    yield Case("emergency", hurried, nights, "leave emergency out", warns=True)
    mine = Hold(
        names.rollout_id(POOL, f"{DEFINITION}/versions/1.0.1", None, None),
        int(EPOCH + 7200),
        int(EPOCH),
        "1.0.1",
        "anna@pc",
    )
    theirs = Setting(tagged(**{names.SCHEDULE: replace(mine, r="another").encode()}))
    yield Case("replaces-scheduled", theirs, Setting(tagged(**{names.SCHEDULE: mine.encode()})), "anna@pc", warns=True)


def _effect() -> Iterator[Case]:
    force = {"deadline": "PT1H", "log_off": "force"}
    for wrong, near, says in (
        (
            {"drain": {"grace": "PT5M"}},
            {"drain": {**force, "grace": "PT20M"}},
            "drain.grace: 'PT5M': has no effect, since",
        ),
        ({"drain": {"final_message": "Out."}}, {"drain": {**force, "final_message": "Out."}}, "drain.final_message"),
        ({"drain": {"allow_data_loss": True}}, {"drain": {"log_off": "disconnected_only"}}, "with drain.log_off: wait"),
        ({"drain": {**force, "allow_data_loss": True}}, {"drain": force}, "drain.grace ('PT10M') is long enough"),
        ({"emergency": {"reason": "x"}}, {"window": NIGHTS, "emergency": {"reason": "x"}}, "the reason is recorded"),
        ({"stop": "power_off", "allocation_retry": "PT2H"}, {"allocation_retry": "PT2H"}, "allocation_retry: 'PT2H'"),
        ({"sessions_per_host": 5}, {"sessions_per_host": 16}, "maxSessionLimit 16"),
        ({"exclusion_tag": "x"}, {}, "no scaling plan is active"),
    ):
        yield Case("without-effect", Setting(inputs=wrong), Setting(inputs=near), says, warns=True)
    text = {"drain": {"message": "Out by {time}."}}
    zoned = Setting(inputs={**text, "time_zone": "UTC"})
    yield Case("times-in-utc", Setting(inputs=text), zoned, 'time_zone: "Europe/Amsterdam"', warns=True)
    old, late = ({"start_at": iso(EPOCH - ago)} for ago in (2 * DAY, 3600))
    mine = Hold(names.rollout_id(POOL, f"{DEFINITION}/versions/1.0.1", None, None), int(EPOCH), 0, "1.0.1", "anna@pc")
    scheduled = Setting(tagged(**{names.SCHEDULE: mine.encode()}), old)
    yield Case("start-passed", Setting(inputs=old), scheduled, "declare a time to come")
    yield Case("start-passed", Setting(inputs=old), Setting(inputs=late), "leave start_at out to begin now")
    yield Case("start-passed", Setting(inputs=late), scheduled, "at once", warns=True)
    yield Case("start-passed", Setting(inputs=old, mode="start"), scheduled, "at once", warns=True)


def _budget() -> Iterator[Case]:
    yield Case("calls-scarce", Setting(reads(240)), Setting(reads(150)), "HOSTPOOL_CLIENT_ID", warns=True)
    many = {"hosts": 600}
    yield Case(
        "calls-bound",
        Setting(inputs={"max_unavailable": "100%", "canary": {"hosts": 0}}, pool=many),
        Setting(inputs={"max_unavailable": "25%", "canary": {"hosts": 0}}, pool=many),
        "600 hosts take",
        warns=True,
    )


def _logs() -> Iterator[Case]:
    """As the updater, who has the custom role and two built-in ones on the rule."""
    nothing_less = ("nowhere", "")
    well = Setting(log_table(), ROWS, without=nothing_less)
    mute = Setting(log_table(without=MONITORING_METRICS_PUBLISHER), ROWS, without=nothing_less)
    blind = Setting(log_table(without=READER), ROWS, without=nothing_less)
    yield Case("log-rights-missing", mute, well, "Microsoft.Insights/Telemetry/Write", warns=True)
    yield Case("log-rights-missing", replace(mute, mode="preview"), blind, "Monitoring Metrics Publisher", warns=True)
    yield Case("log-rights-unknown", blind, well, "--role Reader", warns=True)
    named = {"log_analytics": {**ROWS["log_analytics"], "resource_id": None}}
    yield Case("log-rights-unknown", replace(well, inputs=named), well, "declare log_analytics.resource_id", warns=True)


CASES = [
    case
    for cases in (
        _pool, _hosts, _users, _autoscale, _rights, _locks, _image, _machines, _joining, _building, _secrets, _window,
        _effect, _budget, _logs,
    )
    for case in cases()
]  # fmt: skip
BY_NAME = {f"{case.id}-{number}": case for number, case in enumerate(CASES)}


def test_every_finding_has_a_case() -> None:
    ids = {found.id for module in SOURCES.glob("*.py") for found in findings(module.read_text(encoding="utf-8"))}
    assert ids == {case.id for case in CASES}


@pytest.mark.parametrize("case", BY_NAME.values(), ids=BY_NAME)
def test_it_finds_what_is_wrong(case: Case, tmp_path: Path) -> None:
    found = [f for f in virtually(case.wrong.findings(tmp_path)) if f.id == case.id]
    assert found, "silent"
    assert {f.severity for f in found} == {"warning" if case.warns else "error"}
    assert any(case.says in str(f) for f in found), [str(f) for f in found]
    assert all(f.remedy for f in found)


@pytest.mark.parametrize("case", BY_NAME.values(), ids=BY_NAME)
def test_it_is_silent_where_something_comes_near(case: Case, tmp_path: Path) -> None:
    severity = "warning" if case.warns else "error"
    told = virtually(case.near.findings(tmp_path))
    assert [str(f) for f in told if (f.id, f.severity) == (case.id, severity)] == []


@pytest.mark.parametrize("mode", ["preview", "start", "check"])
def test_a_healthy_pool_has_no_findings(mode: Any, tmp_path: Path) -> None:
    assert [str(f) for f in virtually(Setting(mode=mode).findings(tmp_path))] == []


def test_with_the_rights_of_the_role_nothing_is_unknown(tmp_path: Path) -> None:
    assert [str(f) for f in virtually(Setting(without=("nowhere", "")).findings(tmp_path))] == []


@pytest.mark.parametrize("mode", ["preview", "check"])
def test_a_large_pool_is_asked_what_a_small_one_is(mode: Any, tmp_path: Path) -> None:
    def calls(hosts: int) -> set[tuple[str, str]]:
        pools: list[tuple[Bench, int]] = []

        def remember(made: Bench) -> None:
            pools.append((made, len(made.control("GET", "requests", since="0")["requests"])))

        async def asked() -> set[tuple[str, str]]:
            await Setting(remember, pool={"hosts": hosts}, mode=mode).findings(tmp_path)
            [(made, before)] = pools
            requests = made.control("GET", "requests", since="0")["requests"][before:]
            return {(request["method"], request["path"]) for request in requests}

        return virtually(asked())

    assert calls(120) == calls(3)

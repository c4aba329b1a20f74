"""One host's way through an OS disk swap, call by call: what the parts of the emulator make of it together."""

from __future__ import annotations

from typing import Any

from emulator import capacity, guests
from tests.emulator.avd.pool import GROUP, POOL, Pool

COMPUTE = f"{GROUP}/providers/Microsoft.Compute"
VM = f"{COMPUTE}/virtualMachines/vm-0"
BUILD = f"{COMPUTE}/virtualMachines/build-vm-0"
NIC = f"{GROUP}/providers/Microsoft.Network/networkInterfaces/build-vm-0-nic"
VERSION = "2024-07-01"


def _do(pool: Pool, method: str, path: str, body: Any = None) -> Any:
    """A compute call and the end of its operation."""
    answer = pool.call(method, path, body, version=VERSION)
    assert answer.status in (200, 201, 202), answer.body
    url = answer.headers.find("Azure-AsyncOperation")
    if url is None:
        return answer.body
    path, _, query = url.removeprefix("https://localhost").partition("?")
    arguments = dict(pair.split("=", 1) for pair in query.split("&"))
    version = arguments.pop("api-version")
    for _ in range(500):
        status = pool.call("GET", path, version=version, **arguments).body
        if status["status"] != "InProgress":
            return status
        pool.wait(10)
    raise AssertionError("the operation does not end")


def _build_disk(pool: Pool) -> str:
    subnet = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/avd-vnet/subnets/build"
    configuration = {"name": "ipconfig1", "properties": {"subnet": {"id": subnet}}}
    nic = {"location": "westeurope", "properties": {"ipConfigurations": [configuration]}}
    assert pool.call("PUT", NIC, nic, version="2024-01-01").status == 201
    body = {
        "location": "westeurope",
        "zones": ["1"],
        "properties": {
            "hardwareProfile": {"vmSize": "Standard_D4s_v5"},
            "storageProfile": {
                "imageReference": {"id": f"{COMPUTE}/images/win11-1.0.1"},
                "osDisk": {
                    "name": "vm-0-new",
                    "createOption": "FromImage",
                    "deleteOption": "Detach",
                    "managedDisk": {"storageAccountType": "Premium_LRS"},
                },
            },
            "osProfile": {
                "computerName": "vm-0",
                "adminUsername": "avdadmin",
                "adminPassword": "L0cal-Admin-Passw0rd!",
                "windowsConfiguration": {"enableAutomaticUpdates": False, "timeZone": "W. Europe Standard Time"},
            },
            "securityProfile": {
                "securityType": "TrustedLaunch",
                "uefiSettings": {"secureBootEnabled": True, "vTpmEnabled": True},
            },
            "networkProfile": {"networkInterfaces": [{"id": NIC}]},
        },
    }
    assert _do(pool, "PUT", BUILD, body)["status"] == "Succeeded"
    assert _do(pool, "POST", f"{BUILD}/deallocate")["status"] == "Succeeded"
    _do(pool, "DELETE", BUILD)
    return f"{COMPUTE}/disks/vm-0-new"


def _extension(publisher: str, kind: str, version: str, settings: Any, protected: Any) -> dict[str, Any]:
    return {
        "location": "westeurope",
        "properties": {
            "publisher": publisher,
            "type": kind,
            "typeHandlerVersion": version,
            "settings": settings,
            "protectedSettings": protected,
        },
    }


def _join(pool: Pool) -> Any:
    settings = {"name": "contoso.com", "user": "joiner@contoso.com", "restart": "true", "options": "3"}
    protected = {"password": "J0in-the-domain!"}
    body = _extension("Microsoft.Compute", "JsonADDomainExtension", "1.3", settings, protected)
    return _do(pool, "PUT", f"{VM}/extensions/joindomain", body)


def _install(pool: Pool) -> Any:
    settings = {
        "modulesUrl": "https://example.invalid/Configuration.zip",
        "configurationFunction": "Configuration.ps1\\AddSessionHost",
        "properties": {"hostPoolName": "hp1", "aadJoin": False},
    }
    protected = {"properties": {"registrationInfoToken": pool.token()}}
    body = _extension("Microsoft.Powershell", "DSC", "2.83", settings, protected)
    return _do(pool, "PUT", f"{VM}/extensions/Microsoft.PowerShell.DSC", body)


def test_swapped_host_comes_back_on_the_new_image() -> None:
    pool = Pool(hosts=3, sessions_per_host=2, ignore_probability=0.0)
    disk = _build_disk(pool)
    before = pool.shown(0)
    assert pool.call("PATCH", pool.host(0), {"properties": {"allowNewSession": False}}).status == 200
    for number in (1, 2):
        message = {"messageTitle": "Update", "messageBody": "Please log off"}
        assert pool.call("POST", f"{pool.host(0)}/userSessions/{number}/sendMessage", message).status == 200
    pool.wait(3600)
    assert pool.sessions(0) == []
    for name in ("Microsoft.PowerShell.DSC", "joindomain"):
        _do(pool, "DELETE", f"{VM}/extensions/{name}")
    assert pool.call("DELETE", pool.host(0)).status == 200
    assert _do(pool, "POST", f"{VM}/deallocate")["status"] == "Succeeded"
    vm = pool.call("GET", VM, version=VERSION).body
    old = vm["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"]
    vm["properties"]["storageProfile"]["osDisk"] |= {"name": "vm-0-new", "managedDisk": {"id": disk}}
    vm.pop("resources")
    assert _do(pool, "PUT", VM, vm)["status"] == "Succeeded"
    assert _do(pool, "POST", f"{VM}/start")["status"] == "Succeeded"
    assert _join(pool)["status"] == "Succeeded"
    assert _install(pool)["status"] == "Succeeded"
    assert pool.shown(0)["status"] == "Upgrading"
    pool.wait(3600)
    after = pool.shown(0)
    assert (after["status"], after["allowNewSession"]) == ("Available", True)
    assert after["virtualMachineId"] == before["virtualMachineId"]
    guest = guests.guest_of(pool.world, after["virtualMachineId"])
    assert guest is not None
    assert (guest.joined, guest.registered) == (True, True)
    assert str(guest.image_version_id).endswith("/images/win11-1.0.1")
    assert pool.call("GET", old, version="2024-03-02").body["properties"]["diskState"] == "Unattached"
    last = capacity.of_pool(pool.world, POOL).samples[-1]
    assert (last["hosts"], last["serving"], last["unavailable"]) == (3, 3, 0)
    assert pool.events("cut_off", "forced_logoff") == []


def test_installing_over_a_stale_record_fails_with_its_code() -> None:
    pool = Pool(hosts=2, users=0)
    disk = _build_disk(pool)
    _do(pool, "DELETE", f"{VM}/extensions/Microsoft.PowerShell.DSC")
    _do(pool, "DELETE", f"{VM}/extensions/joindomain")
    _do(pool, "POST", f"{VM}/deallocate")
    vm = pool.call("GET", VM, version=VERSION).body
    vm["properties"]["storageProfile"]["osDisk"] |= {"name": "vm-0-new", "managedDisk": {"id": disk}}
    vm.pop("resources")
    _do(pool, "PUT", VM, vm)
    _do(pool, "POST", f"{VM}/start")
    _join(pool)
    status = _install(pool)
    assert status["status"] == "Failed"
    assert "NAME_ALREADY_REGISTERED" in str(status["error"])
    assert pool.shown(0)["status"] == "Shutdown"

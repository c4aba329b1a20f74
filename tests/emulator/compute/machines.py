"""A small cloud to test virtual machines in: a subnet, managed images, and calls that make NICs, VMs and disks."""

from __future__ import annotations

from typing import Any

from emulator import computers, guests
from emulator.wire import Response
from emulator.world import Resource
from tests.emulator.arm_client import COMPUTE, LOCATION, NETWORK, Client

SUBNET = f"{NETWORK}/virtualNetworks/vnet/subnets/hosts"
IMAGE = f"{COMPUTE}/images/win-1"
JOIN = {
    "publisher": "Microsoft.Compute",
    "type": "JsonADDomainExtension",
    "typeHandlerVersion": "1.3",
    "settings": {"Name": "contoso.com", "User": "joiner@contoso.com", "Restart": "true", "Options": "3"},
    "protectedSettings": {"Password": "J0in!"},
}
GENERIC = {"publisher": "Microsoft.Azure.Monitor", "type": "AzureMonitorWindowsAgent", "typeHandlerVersion": "1.0"}


class Machines(Client):
    """A client with `win-1` and `win-2` to make VMs of, both Windows, generalized, V2."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.made(
            f"{NETWORK}/virtualNetworks/vnet",
            {
                "location": LOCATION,
                "properties": {
                    "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
                    "subnets": [{"name": "hosts", "properties": {"addressPrefix": "10.0.0.0/24"}}],
                },
            },
        )
        for name in ("win-1", "win-2"):
            self._image(name)

    def _image(self, name: str) -> None:
        image_id = f"{COMPUTE}/images/{name}"
        disk = {"osType": "Windows", "osState": "Generalized", "diskSizeGB": 127, "storageAccountType": "Premium_LRS"}
        body = {
            "name": name,
            "id": image_id,
            "type": "Microsoft.Compute/images",
            "location": LOCATION,
            "tags": {},
            "properties": {
                "storageProfile": {"osDisk": disk, "dataDisks": []},
                "provisioningState": "Succeeded",
                "hyperVGeneration": "V2",
            },
        }
        content = guests.new_content(image=image_id, generalized=True)
        self.world.put(image_id, body, {"content": content, "security_types": ["TrustedLaunch"]})

    def nic(self, name: str) -> str:
        configuration = {"name": "ip1", "properties": {"subnet": {"id": SUBNET}}}
        body = {"location": LOCATION, "properties": {"ipConfigurations": [configuration]}}
        return str(self.made(f"{NETWORK}/networkInterfaces/{name}", body)["id"])

    def body(self, name: str, **properties: Any) -> dict[str, Any]:
        """The PUT body of a VM made from `win-1`."""
        return {
            "location": "West Europe",
            "tags": {"costCenter": "1"},
            "properties": {
                "hardwareProfile": {"vmSize": "Standard_D4s_v5"},
                "storageProfile": {
                    "imageReference": {"id": IMAGE},
                    "osDisk": {
                        "createOption": "FromImage",
                        "caching": "ReadWrite",
                        "managedDisk": {"storageAccountType": "Premium_LRS"},
                    },
                },
                "osProfile": {
                    "computerName": name,
                    "adminUsername": "avdadmin",
                    "adminPassword": "Secret-Pass-1",
                    "windowsConfiguration": {"enableAutomaticUpdates": False, "timeZone": "W. Europe Standard Time"},
                },
                "networkProfile": {"networkInterfaces": [{"id": self.nic(f"{name}-nic")}]},
                "securityProfile": {"securityType": "Standard"},
                **properties,
            },
        }

    def path(self, name: str) -> str:
        return f"{COMPUTE}/virtualMachines/{name}"

    def vm(self, name: str, **properties: Any) -> dict[str, Any]:
        """A VM that is provisioned, with the VM agent ready."""
        shown = self.made(self.path(name), self.body(name, **properties))
        self.wait(60)
        return shown

    def resource(self, name: str) -> Resource:
        found = self.world.get(self.path(name))
        assert found is not None
        return found

    def do(self, name: str, verb: str, body: Any = None) -> Any:
        """POST an action and wait for its end; the status body."""
        response = self.call("POST", f"{self.path(name)}/{verb}", body)
        assert response.status == 202, (response.status, response.body)
        return self.finish(response)

    def power(self, name: str) -> str:
        statuses = self.get(f"{self.path(name)}/instanceView").body["statuses"]
        return str(next(s["code"] for s in statuses if s["code"].startswith("PowerState/")))

    def guest(self, name: str) -> guests.Guest:
        found = guests.guest_of(self.world, self.resource(name).body["properties"]["vmId"])
        assert found is not None
        return found

    def os_disk(self, name: str) -> dict[str, Any]:
        """The attached OS disk as its GET shows it."""
        disk_id = self.get(self.path(name)).body["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"]
        found: dict[str, Any] = self.get(disk_id).body
        return found

    def disk(self, name: str, creation: dict[str, Any], **properties: Any) -> dict[str, Any]:
        body = {
            "location": LOCATION,
            "sku": {"name": "Premium_LRS"},
            "properties": {"creationData": creation, **properties},
        }
        return self.made(f"{COMPUTE}/disks/{name}", body)

    def spare_disk(self, name: str, image: str = "win-2") -> dict[str, Any]:
        """An OS disk with a provisioned Windows of its own, as a temporary VM of that computer name leaves it."""
        body = self.body(f"t-{name}")
        body["properties"]["storageProfile"]["imageReference"]["id"] = f"{COMPUTE}/images/{image}"
        body["properties"]["osProfile"]["computerName"] = name
        self.made(self.path(f"t-{name}"), body)
        self.wait(60)
        disk = self.os_disk(f"t-{name}")
        assert self.finish(self.delete(self.path(f"t-{name}")))["status"] == "Succeeded"
        found: dict[str, Any] = self.get(disk["id"]).body
        return found

    def swap(self, name: str, disk: dict[str, Any], **options: Any) -> Response:
        """The PATCH that names another OS disk."""
        os_disk = {"name": disk["name"], "managedDisk": {"id": disk["id"]}}
        return self.call("PATCH", self.path(name), {"properties": {"storageProfile": {"osDisk": os_disk}}}, **options)

    def extension(self, name: str, extension: str, properties: dict[str, Any]) -> Response:
        body = {"location": LOCATION, "properties": properties}
        return self.put(f"{self.path(name)}/extensions/{extension}", body)

    def run(self, name: str, *script: str, **parameters: str) -> dict[str, str]:
        """A run command; its standard output and error."""
        given = [{"name": key, "value": value} for key, value in parameters.items()]
        body = {"commandId": "RunPowerShellScript", "script": list(script), "parameters": given}
        status = self.do(name, "runCommand", body)
        assert status["status"] == "Succeeded", status
        parts = status["properties"]["output"]["value"]
        return {"out": parts[0]["message"], "err": parts[1]["message"]}

    def join_generation(self, name: str) -> int | None:
        return computers.ad_generation(self.world, name)

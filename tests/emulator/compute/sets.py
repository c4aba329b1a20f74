"""A small cloud to test scale sets in: a subnet, a gallery image with versions, load balancers, calls on one set."""

from __future__ import annotations

from typing import Any

from emulator import guests
from emulator.wire import Response
from emulator.world import Resource
from tests.emulator.arm_client import COMPUTE, LOCATION, NETWORK, Client

SUBNET = f"{NETWORK}/virtualNetworks/vnet/subnets/web"
SET = f"{COMPUTE}/virtualMachineScaleSets/web"
IMAGE = f"{COMPUTE}/galleries/gallery/images/web"
BALANCER = f"{NETWORK}/loadBalancers/front"
PROBE = f"{BALANCER}/probes/health"
UBUNTU = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
HEALTH: dict[str, Any] = {
    "name": "health",
    "properties": {
        "publisher": "Microsoft.ManagedServices",
        "type": "ApplicationHealthLinux",
        "typeHandlerVersion": "1.0",
        "autoUpgradeMinorVersion": True,
        "settings": {"protocol": "http", "port": 80, "requestPath": "/health"},
    },
}


AUTOMATIC: dict[str, Any] = {"enableAutomaticOSUpgrade": True}
HOUR = 3600.0


def bad(version: str = "1.0.1", fault: str = "unhealthy", **more: Any) -> dict[str, Any]:
    """A fault rule for `Sets.fault`: what goes wrong in guests of an image version."""
    return {"image": f"/versions/{version.replace('.', '[.]')}$", "fault": fault, **more}


def script(name: str, *after: str, **settings: Any) -> dict[str, Any]:
    """A custom script extension that runs after others."""
    return {
        "name": name,
        "properties": {
            "publisher": "Microsoft.Azure.Extensions",
            "type": "CustomScript",
            "typeHandlerVersion": "2.1",
            **({"provisionAfterExtensions": list(after)} if after else {}),
            "settings": {"commandToExecute": "true", **settings},
        },
    }


class Sets(Client):
    """A client with the set `web` once `create` was called, made of the gallery image `web`, version 1.0.0."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.made(
            f"{NETWORK}/virtualNetworks/vnet",
            {
                "location": LOCATION,
                "properties": {
                    "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
                    "subnets": [{"name": "web", "properties": {"addressPrefix": "10.0.0.0/24"}}],
                },
            },
        )
        self._definition()
        self.publish("1.0.0")

    def _definition(self) -> None:
        gallery = IMAGE.rsplit("/images/", 1)[0]
        self.made(gallery, {"location": LOCATION, "properties": {}})
        self.made(
            IMAGE,
            {
                "location": LOCATION,
                "properties": {
                    "osType": "Linux",
                    "osState": "Generalized",
                    "hyperVGeneration": "V2",
                    "identifier": {"publisher": "contoso", "offer": "web", "sku": "linux"},
                },
            },
        )

    def publish(self, version: str, *, exclude: bool = False, regions: tuple[str, ...] = (LOCATION,)) -> None:
        """A version of the image, there at once."""
        version_id = f"{IMAGE}/versions/{version}"
        profile = {
            "targetRegions": [{"name": name, "regionalReplicaCount": 1} for name in regions],
            "excludeFromLatest": exclude,
        }
        self.world.put(
            version_id,
            {
                "name": version,
                "id": version_id,
                "type": "Microsoft.Compute/galleries/images/versions",
                "location": LOCATION,
                "properties": {
                    "publishingProfile": profile,
                    "storageProfile": {"osDiskImage": {"sizeInGB": 30}},
                    "provisioningState": "Succeeded",
                },
            },
            {"content": guests.new_content(image=version_id, generalized=True)},
        )

    def body(
        self,
        capacity: int = 5,
        *,
        mode: str = "Manual",
        rolling: dict[str, Any] | None = None,
        automatic: dict[str, Any] | None = None,
        extensions: list[dict[str, Any]] | None = None,
        profile: dict[str, Any] | None = None,
        zones: list[str] | None = None,
        **properties: Any,
    ) -> dict[str, Any]:
        """The PUT body of the set. `profile` is put over parts of virtualMachineProfile."""
        policy = {
            "mode": mode,
            **({"rollingUpgradePolicy": rolling} if rolling else {}),
            **({"automaticOSUpgradePolicy": automatic} if automatic else {}),
        }
        configuration = {"name": "ip", "properties": {"subnet": {"id": SUBNET}}}
        nic = {"name": "nic", "properties": {"primary": True, "ipConfigurations": [configuration]}}
        vm = {
            "osProfile": {"computerNamePrefix": "web", "adminUsername": "azureuser", "adminPassword": "Secret-Pass-1"},
            "storageProfile": {
                "imageReference": {"id": IMAGE},
                "osDisk": {"createOption": "FromImage", "managedDisk": {"storageAccountType": "Premium_LRS"}},
                "dataDisks": [{"lun": 0, "createOption": "Empty", "diskSizeGB": 64}],
            },
            "networkProfile": {"networkInterfaceConfigurations": [nic]},
            **({"extensionProfile": {"extensions": extensions}} if extensions is not None else {}),
            **(profile or {}),
        }
        return {
            "location": LOCATION,
            **({"zones": zones} if zones else {}),
            "sku": {"name": "Standard_D2s_v5", "capacity": capacity},
            "properties": {"upgradePolicy": policy, "virtualMachineProfile": vm, **properties},
        }

    def create(self, capacity: int = 5, **options: Any) -> dict[str, Any]:
        """The set, provisioned and healthy."""
        shown = self.made(SET, self.body(capacity, **options))
        self.wait(300)
        return shown

    def do(self, verb: str, body: Any = None) -> Any:
        """POST an action of the set and wait for its end; the status body."""
        response = self.call("POST", f"{SET}/{verb}", body)
        assert response.status == 202, (response.status, response.body)
        return self.finish(response)

    def patch(self, properties: dict[str, Any], **options: Any) -> Response:
        return self.call("PATCH", SET, {"properties": properties}, **options)

    def instances(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(f"{SET}/virtualMachines", version="2024-07-01").body["value"]
        return found

    def instance(self, number: int | str) -> Resource:
        found = self.world.get(f"{SET}/virtualMachines/{number}")
        assert found is not None
        return found

    def images(self) -> list[str]:
        """The exact image version of each instance, in order."""
        return [each["properties"]["storageProfile"]["imageReference"]["exactVersion"] for each in self.instances()]

    def instance_view(self, number: int | str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"{SET}/virtualMachines/{number}/instanceView").body
        return found

    def health(self, number: int | str) -> str | None:
        view = self.instance_view(number)
        return str(view["vmHealth"]["status"]["code"]) if "vmHealth" in view else None

    def fault(self, *rules: dict[str, Any]) -> None:
        """Fault rules of the guests: {image?, host?, fault, ...}."""
        effects = [{"effect": {"type": "guest", **rule}} for rule in rules]
        answer = self.call("POST", "/emulator/faults", {"rules": effects})
        assert answer.status == 200, answer.body

    def balance(self, sku: str = "Standard", protocol: str = "Tcp") -> None:
        """The load balancer `front` with the probe `health`."""
        probe = {"protocol": protocol, "port": 80, "intervalInSeconds": 5, "numberOfProbes": 2}
        if protocol != "Tcp":
            probe["requestPath"] = "/"
        self.made(
            BALANCER,
            {
                "location": LOCATION,
                "sku": {"name": sku},
                "properties": {"probes": [{"name": "health", "properties": probe}]},
            },
        )

    # -- upgrades

    def bring_out(self, version: str, **more: Any) -> None:
        """Publish a version of the image by the control API, which sets that follow it notice."""
        answer = self.call("POST", "/emulator/image-versions", {"image": IMAGE, "version": version, **more})
        assert answer.status == 200, answer.body

    def latest(self) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"{SET}/rollingUpgrades/latest").body["properties"]
        return found

    def history(self) -> list[dict[str, Any]]:
        return [each["properties"] for each in self.get(f"{SET}/osUpgradeHistory").body["value"]]

    def told(self) -> dict[str, Any]:
        """What the control API says of the set."""
        found: dict[str, Any] = self.get("/emulator/scale-sets").body["scaleSets"][SET]
        return found

    def upgrades(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.told()["upgrades"]
        return found

    def batches(self) -> list[list[str]]:
        return [each["instances"] for each in self.upgrades()[-1]["log"] if each["event"] == "batch"]

    def until_ended(self, hours: float = 12.0, step: float = 300.0) -> None:
        """Until the last upgrade has ended, or (before there is one) for that long."""
        for _ in range(int(hours * 3600 / step)):
            self.wait(step)
            known = self.upgrades()
            if known and known[-1]["endTime"]:
                return

"""Resource groups and resource lists: recordings resources-resourcegroup-create-update and errors-404-variants."""

from __future__ import annotations

from emulator.authorization import assignments, roles
from tests.emulator.arm_client import COMPUTE, GROUP, GUEST, LOCATION, NETWORK, SCOPE, Client, code, message


def disk(azure: Client, name: str, group: str = GROUP) -> str:
    path = f"{group}/providers/Microsoft.Compute/disks/{name}"
    body = {
        "location": LOCATION,
        "tags": {"kind": name},
        "properties": {"creationData": {"createOption": "Empty"}, "diskSizeGB": 4},
    }
    azure.made(path, body)
    return path


def test_put_is_201_then_200_and_the_location_comes_back_normalised(azure: Client) -> None:
    path = f"{SCOPE}/resourcegroups/made"
    first = azure.put(path, {"location": "SoutheastAsia", "tags": {"a": "1"}}, version="2017-05-10")
    assert first.status == 201
    assert first.body["id"] == f"{SCOPE}/resourceGroups/made"
    assert first.body["location"] == "southeastasia"
    assert first.body["properties"] == {"provisioningState": "Succeeded"}
    assert first.headers.find("Azure-AsyncOperation") is None
    second = azure.put(path, {"location": "SoutheastAsia", "tags": {"a": "2"}})
    assert (second.status, second.body["tags"]) == (200, {"a": "2"})
    moved = azure.put(path, {"location": "westus2"})
    assert (moved.status, code(moved)) == (409, "InvalidResourceGroupLocation")


def test_a_missing_group_is_named(azure: Client) -> None:
    answer = azure.get(f"{SCOPE}/resourceGroups/sdk-test/providers/Microsoft.Network/networkInterfaces/n")
    assert (answer.status, code(answer)) == (404, "ResourceGroupNotFound")
    assert message(answer) == "Resource group 'sdk-test' could not be found."
    assert answer.headers.find("x-ms-failure-cause") == "gateway"
    assert azure.call("HEAD", f"{SCOPE}/resourceGroups/sdk-test").status == 404
    assert azure.call("HEAD", GROUP).status == 204


def test_delete_takes_all_of_the_group_and_location_answers_202_until_then(azure: Client) -> None:
    path = disk(azure, "d1")
    started = azure.delete(GROUP)
    assert (started.status, started.headers.find("Retry-After")) == (202, "15")
    assert started.headers.find("Azure-AsyncOperation") is None
    location = started.headers["Location"]
    first = azure.get(location)
    assert (first.status, first.headers.find("Retry-After")) == (202, "15")
    assert code(azure.put(GROUP, {"location": LOCATION})) == "ResourceGroupBeingDeleted"
    azure.wait(1000)
    assert azure.get(location).status == 200
    assert code(azure.get(path)) == "ResourceGroupNotFound"
    assert azure.world.get(path) is None


def test_lists_show_what_the_caller_may_read(azure: Client) -> None:
    assert azure.get(f"{SCOPE}/resourceGroups", who=GUEST).body["value"] == []
    assignments.grant(azure.world, GUEST.object_id, roles.READER, GROUP)
    assert [g["name"] for g in azure.get(f"{SCOPE}/resourceGroups", who=GUEST).body["value"]] == ["rg1"]
    assert [s["subscriptionId"] for s in azure.get("/subscriptions", who=GUEST).body["value"]] == [SCOPE[15:]]


def test_resources_of_a_group_are_listed_short_and_filtered(azure: Client) -> None:
    disk(azure, "d1")
    path = disk(azure, "d2")
    network = {"location": LOCATION, "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}}
    azure.made(f"{NETWORK}/virtualNetworks/v1", network)
    found = azure.get(f"{GROUP}/resources").body["value"]
    assert {r["type"] for r in found} == {"Microsoft.Compute/disks", "Microsoft.Network/virtualNetworks"}
    assert all("properties" not in r for r in found)
    query = "?$filter=resourceType eq 'Microsoft.Compute/disks' and tagName eq 'kind' and tagValue eq 'd2'"
    assert [r["id"] for r in azure.get(f"{SCOPE}/resources{query}").body["value"]] == [path]


def test_an_unknown_subscription_is_not_found(azure: Client) -> None:
    answer = azure.get("/subscriptions/99999999-9999-9999-9999-999999999999")
    assert (answer.status, code(answer)) == (404, "SubscriptionNotFound")


def test_missing_resources_are_named_as_their_top_level_resource(azure: Client) -> None:
    """Recording errors-404-variants: a subnet of a missing network."""
    answer = azure.get(f"{NETWORK}/virtualNetworks/vnet1/subnets/subnet1")
    assert (answer.status, code(answer)) == (404, "ResourceNotFound")
    assert message(answer) == (
        "The Resource 'Microsoft.Network/virtualNetworks/vnet1' under resource group 'rg1' was not found. For more "
        "details please go to https://aka.ms/ARMResourceNotFoundFix"
    )
    assert code(azure.get(f"{COMPUTE}/snapshots/s1")) == "ResourceNotFound"


def test_providers_are_registered_with_their_api_versions(azure: Client) -> None:
    body = azure.get(f"{SCOPE}/providers/microsoft.compute").body
    assert (body["namespace"], body["registrationState"]) == ("Microsoft.Compute", "Registered")
    kinds = {kind["resourceType"]: kind["apiVersions"] for kind in body["resourceTypes"]}
    assert "2024-07-01" in kinds["virtualMachines"]
    assert kinds["disks"][0] > kinds["disks"][-1]
    assert len(azure.get(f"{SCOPE}/locations").body["value"]) > 10

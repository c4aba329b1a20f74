"""The stand-in's methods over a real gRPC channel."""

from __future__ import annotations

import re

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2, status_pb2

from emulator.native.values import UNKNOWN, Secret, decode

GALLERY = "azure-native:compute:Gallery"
VERSION = "azure-native:compute:GalleryImageVersion"
POOL = "azure-native:desktopvirtualization:HostPool"
ROLE = "azure-native:authorization:RoleDefinition"
SUBSCRIPTION = "/subscriptions/11111111-1111-1111-1111-111111111111"
GALLERY_ID = SUBSCRIPTION + "/resourceGroups/avd/providers/Microsoft.Compute/galleries/images"
GALLERY_INPUTS = {"resourceGroupName": "avd", "galleryName": "images", "location": "westeurope", "tags": {"a": "b"}}
VERSION_INPUTS = {
    "resourceGroupName": "avd",
    "galleryName": "images",
    "galleryImageName": "win11",
    "galleryImageVersionName": "1.0.0",
    "location": "westeurope",
    "storageProfile": {"source": {"id": "/image"}},
    "publishingProfile": {
        "replicationMode": "Full",
        "targetRegions": [{"name": "westeurope", "regionalReplicaCount": 1, "storageAccountType": "Standard_LRS"}],
    },
}
POOL_INPUTS = {
    "resourceGroupName": "avd",
    "hostPoolName": "hp1",
    "location": "westeurope",
    "hostPoolType": "Pooled",
    "loadBalancerType": "BreadthFirst",
    "preferredAppGroupType": "Desktop",
}

DIFF = provider_pb2.PropertyDiff


def failure(error: pytest.ExceptionInfo[grpc.RpcError]) -> str:
    return str(error.value.details())


def kinds(answer) -> dict[str, str]:
    return {path: DIFF.Kind.Name(change.kind) for path, change in answer.detailedDiff.items()}


# -- configuration


def test_it_says_on_start_that_it_is_the_stand_in(plugin, capfd):
    plugin.configure()
    assert "stand-in for the azure-native plugin, not the plugin itself" in capfd.readouterr().err


def test_it_takes_secrets_and_previews(plugin):
    answer = plugin.configure()
    assert answer.acceptSecrets
    assert answer.supportsPreview


def test_it_runs_against_an_emulator_only(plugin, monkeypatch):
    monkeypatch.delenv("ARM_METADATA_HOSTNAME")
    with pytest.raises(grpc.RpcError) as error:
        plugin.configure()
    assert "ARM_METADATA_HOSTNAME (azure-native:metadataHost) is not set" in failure(error)


@pytest.mark.parametrize("name", ["ARM_SUBSCRIPTION_ID", "ARM_TENANT_ID", "ARM_CLIENT_ID", "ARM_CLIENT_SECRET"])
def test_a_missing_credential_is_named(plugin, monkeypatch, name):
    monkeypatch.delenv(name)
    with pytest.raises(grpc.RpcError, match=f"{name} .* is not set"):
        plugin.configure()


def test_an_emulator_that_is_down_is_a_clear_error(connected, monkeypatch):
    monkeypatch.setenv("ARM_METADATA_HOSTNAME", "localhost:9")
    with pytest.raises(grpc.RpcError, match="Is ARM_METADATA_HOSTNAME right, and the emulator up") as error:
        connected.configure()
    assert "Traceback" not in failure(error)


def test_wrong_credentials_are_a_clear_error(connected, monkeypatch):
    monkeypatch.setenv("ARM_CLIENT_SECRET", "wrong")
    connected.configure()
    with pytest.raises(grpc.RpcError, match="AADSTS7000215") as error:
        connected.create(GALLERY, GALLERY_INPUTS)
    assert "Traceback" not in failure(error)


def test_configuration_wins_over_the_environment(plugin, arm):
    plugin.configure(subscriptionId="other")
    resource_id, _ = plugin.create(GALLERY, GALLERY_INPUTS)
    assert resource_id.startswith("/subscriptions/other/")


def test_an_unknown_key_is_refused(plugin):
    with pytest.raises(grpc.RpcError, match="azure-native:subscription is no key"):
        plugin.configure(subscription="x")


# -- check


def test_an_unknown_type_is_a_clear_error(ready):
    with pytest.raises(grpc.RpcError, match="azure-native:compute:Disk is not served: this is the stand-in") as error:
        ready.check("azure-native:compute:Disk", {})
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_an_unknown_function_is_a_clear_error(ready):
    with pytest.raises(grpc.RpcError, match="azure-native:compute:getDisk is not served"):
        ready.invoke("azure-native:compute:getDisk")


def test_a_missing_name_is_made_of_the_resources_name(ready):
    inputs, failures = ready.check(GALLERY, {"resourceGroupName": "avd", "location": "westeurope"})
    assert not failures
    assert re.fullmatch(r"it[0-9a-f]{8}", inputs["galleryName"])
    again, _ = ready.check(GALLERY, {"resourceGroupName": "avd", "location": "westeurope"}, olds=inputs)
    assert again == inputs


def test_a_missing_role_id_is_a_guid(ready):
    inputs, _ = ready.check(ROLE, {"scope": SUBSCRIPTION})
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", inputs["roleDefinitionId"])


def test_the_location_is_that_of_the_group_unless_declared_or_configured(plugin, arm):
    plugin.configure()
    group = f"{SUBSCRIPTION}/resourceGroups/avd"
    arm.resources[group.lower()] = {"location": "northeurope"}
    given = {"resourceGroupName": "avd", "galleryName": "images"}
    assert plugin.check(GALLERY, given)[0]["location"] == "northeurope"
    assert plugin.check(GALLERY, given, olds={"location": "eastus"})[0]["location"] == "eastus"
    assert plugin.check(GALLERY, {**given, "resourceGroupName": UNKNOWN})[0]["location"] is UNKNOWN
    plugin.configure(location="uksouth")
    assert plugin.check(GALLERY, given)[0]["location"] == "uksouth"


def test_a_missing_location_says_how_to_set_it(ready):
    _, failures = ready.check(GALLERY, {"resourceGroupName": "none", "galleryName": "images"})
    assert "missing required property 'location'. Either set it" in failures["location"]


def test_a_missing_property_is_named(ready):
    _, failures = ready.check(VERSION, {k: v for k, v in VERSION_INPUTS.items() if k != "storageProfile"})
    assert failures == {"storageProfile": "missing required property 'storageProfile'"}


def test_an_unknown_property_is_refused(ready):
    _, failures = ready.check(GALLERY, {**GALLERY_INPUTS, "colour": "red"})
    assert "'colour' is no property of azure-native:compute:Gallery" in failures["colour"]


def test_another_api_version_is_refused(ready):
    _, failures = ready.check(GALLERY, {**GALLERY_INPUTS, "azureApiVersion": "2022-03-03"})
    assert "'2022-03-03' is not served: the stand-in knows 2024-03-03" in failures["azureApiVersion"]


# -- diff


def test_no_change_is_no_difference(ready):
    assert ready.diff(VERSION, VERSION_INPUTS, VERSION_INPUTS).changes == provider_pb2.DiffResponse.DIFF_NONE


def test_a_changed_tag_is_an_update_in_place(ready):
    answer = ready.diff(GALLERY, GALLERY_INPUTS, {**GALLERY_INPUTS, "tags": {"a": "c", "cost center": "1"}})
    assert kinds(answer) == {"tags.a": "UPDATE", 'tags["cost center"]': "ADD"}
    assert list(answer.replaces) == []
    assert list(answer.diffs) == ["tags"]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"galleryImageVersionName": "1.0.1"}, "galleryImageVersionName"),
        ({"resourceGroupName": "other"}, "resourceGroupName"),
        ({"location": "northeurope"}, "location"),
        ({"storageProfile": {"source": {"id": "/other"}}}, "storageProfile.source.id"),
    ],
)
def test_a_changed_immutable_property_replaces_the_resource(ready, change, path):
    answer = ready.diff(VERSION, VERSION_INPUTS, {**VERSION_INPUTS, **change})
    assert kinds(answer) == {path: "UPDATE_REPLACE"}
    assert list(answer.replaces) == [path]
    assert answer.deleteBeforeReplace


def test_a_randomly_named_resource_is_replaced_before_it_is_deleted(ready):
    inputs, _ = ready.check(GALLERY, {"resourceGroupName": "avd", "location": "westeurope"})
    assert not ready.diff(GALLERY, inputs, {**inputs, "location": "northeurope"}).deleteBeforeReplace


def test_inside_a_list_only_the_immutable_part_replaces(ready):
    region = VERSION_INPUTS["publishingProfile"]["targetRegions"][0]

    def changed(**values):
        profile = {**VERSION_INPUTS["publishingProfile"], "targetRegions": [{**region, **values}]}
        return kinds(ready.diff(VERSION, VERSION_INPUTS, {**VERSION_INPUTS, "publishingProfile": profile}))

    where = "publishingProfile.targetRegions[0]."
    assert changed(regionalReplicaCount=2) == {where + "regionalReplicaCount": "UPDATE"}
    assert changed(storageAccountType="Standard_ZRS") == {where + "storageAccountType": "UPDATE_REPLACE"}


def test_regions_are_compared_as_azure_does(ready):
    answer = ready.diff(GALLERY, GALLERY_INPUTS, {**GALLERY_INPUTS, "location": "West Europe"})
    assert answer.changes == provider_pb2.DiffResponse.DIFF_NONE


def test_a_value_that_is_not_known_yet_is_a_change(ready):
    answer = ready.diff(VERSION, VERSION_INPUTS, {**VERSION_INPUTS, "galleryName": UNKNOWN})
    assert kinds(answer) == {"galleryName": "UPDATE_REPLACE"}


# -- create and update


def test_a_preview_writes_nothing_and_knows_only_what_was_declared(ready, arm):
    _, outputs = ready.create(VERSION, VERSION_INPUTS, preview=True)
    assert arm.calls == []
    assert outputs["name"] is UNKNOWN
    assert outputs["provisioningState"] is UNKNOWN
    assert outputs["storageProfile"] == VERSION_INPUTS["storageProfile"]


def test_a_preview_of_an_update_knows_the_name(ready, arm):
    resource_id, old = ready.create(GALLERY, GALLERY_INPUTS)
    outputs = ready.update(GALLERY, resource_id, old, {**GALLERY_INPUTS, "tags": {}}, preview=True)
    assert outputs["name"] == "images"


def test_create_looks_first_then_puts_properties_where_arm_has_them(ready, arm):
    resource_id, outputs = ready.create(POOL, {**POOL_INPUTS, "tags": {"a": "b"}, "maxSessionLimit": 16})
    assert [call[0] for call in arm.calls] == ["GET", "PUT"]
    assert arm.calls[1][2] == {
        "location": "westeurope",
        "tags": {"a": "b"},
        "properties": {
            "hostPoolType": "Pooled",
            "loadBalancerType": "BreadthFirst",
            "preferredAppGroupType": "Desktop",
            "maxSessionLimit": 16,
        },
    }
    assert resource_id == f"{SUBSCRIPTION}/resourceGroups/avd/providers/Microsoft.DesktopVirtualization/hostPools/hp1"
    assert outputs["maxSessionLimit"] == 16
    assert outputs["azureApiVersion"] == "2024-04-03"
    assert "id" not in outputs


def test_create_refuses_what_is_already_there(ready, arm):
    ready.create(GALLERY, GALLERY_INPUTS)
    with pytest.raises(grpc.RpcError, match=f"cannot create already existing resource '{GALLERY_ID}'"):
        ready.create(GALLERY, GALLERY_INPUTS)


def test_the_id_is_the_one_azure_gives(ready, arm):
    canonical = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/r"
    arm.on_put = lambda body: {**body, "id": canonical}
    scope = f"{SUBSCRIPTION}/resourceGroups/avd"
    resource_id, outputs = ready.create(ROLE, {"scope": scope, "roleDefinitionId": "r", "roleType": "CustomRole"})
    assert resource_id == canonical
    assert arm.calls[-1][2] == {"properties": {"type": "CustomRole"}}
    assert outputs["roleType"] == "CustomRole"


def test_an_update_puts_the_whole_resource(ready, arm):
    resource_id, old = ready.create(GALLERY, GALLERY_INPUTS)
    outputs = ready.update(GALLERY, resource_id, old, {**GALLERY_INPUTS, "description": "images"})
    assert arm.calls[-1] == (
        "PUT",
        GALLERY_ID,
        {"location": "westeurope", "tags": {"a": "b"}, "properties": {"description": "images"}},
    )
    assert outputs["description"] == "images"


def partly_made(error: pytest.ExceptionInfo[grpc.RpcError]) -> provider_pb2.ErrorResourceInitFailed:
    metadata = dict(error.value.trailing_metadata())
    status = status_pb2.Status.FromString(metadata["grpc-status-details-bin"])
    assert status.code == error.value.code().value[0]
    detail = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(detail)
    return detail


def test_a_failed_operation_leaves_the_resource_in_the_state_with_its_reason(ready, arm):
    arm.failing_operation = 'Code="InternalExecutionError" Message="replication failed"'
    arm.on_put = lambda body: {**body, "properties": {**body["properties"], "provisioningState": "Failed"}}
    with pytest.raises(grpc.RpcError) as error:
        ready.create(VERSION, VERSION_INPUTS)
    detail = partly_made(error)
    assert detail.id == f"{GALLERY_ID}/images/win11/versions/1.0.0"
    assert list(detail.reasons) == [arm.failing_operation]
    assert decode(detail.properties)["provisioningState"] == "Failed"
    assert decode(detail.inputs) == VERSION_INPUTS


def test_a_failed_operation_that_left_nothing_is_a_plain_failure(ready, arm):
    arm.failing_operation = "gone"
    arm.get = lambda *_: None
    with pytest.raises(grpc.RpcError, match="gone") as error:
        ready.create(VERSION, VERSION_INPUTS)
    assert "grpc-status-details-bin" not in dict(error.value.trailing_metadata())


# -- secrets


def test_a_secret_stays_secret_but_azure_gets_the_value(ready, arm):
    inputs = {**POOL_INPUTS, "vmTemplate": Secret('{"domain":"contoso"}'), "tags": {"a": Secret("b"), "c": "d"}}
    _, outputs = ready.create(POOL, inputs)
    assert arm.calls[-1][2]["properties"]["vmTemplate"] == '{"domain":"contoso"}'
    assert isinstance(outputs["vmTemplate"], Secret)
    assert outputs["tags"] == {"a": Secret("b"), "c": "d"}
    _, read_inputs, read_outputs = ready.read(POOL, next(iter(arm.resources)), inputs, outputs)
    assert isinstance(read_outputs["vmTemplate"], Secret)
    assert isinstance(read_inputs["vmTemplate"], Secret)


def test_a_registration_token_is_secret_whoever_made_it(ready, arm):
    arm.on_put = lambda body: {
        **body,
        "properties": {**body["properties"], "registrationInfo": {"token": "eyJ", "expirationTime": "2027"}},
    }
    _, outputs = ready.create(POOL, POOL_INPUTS)
    assert outputs["registrationInfo"] == {"token": Secret("eyJ"), "expirationTime": "2027"}


def test_a_secret_is_compared_by_its_value(ready):
    old = {**POOL_INPUTS, "vmTemplate": Secret("a")}
    same = ready.diff(POOL, old, {**POOL_INPUTS, "vmTemplate": Secret("a")})
    other = ready.diff(POOL, old, {**POOL_INPUTS, "vmTemplate": Secret("b")})
    assert same.changes == provider_pb2.DiffResponse.DIFF_NONE
    assert kinds(other) == {"vmTemplate": "UPDATE"}


# -- read, import, delete


def test_refresh_takes_over_what_changed_in_azure_and_nothing_else(ready, arm):
    arm.on_put = lambda body: {
        **body,
        "properties": {**body["properties"], "validationEnvironment": False, "objectId": "guid"},
    }
    resource_id, outputs = ready.create(POOL, {**POOL_INPUTS, "maxSessionLimit": 16})
    there = arm.resources[resource_id.lower()]
    there["properties"] = {**there["properties"], "maxSessionLimit": 8, "friendlyName": "by hand"}
    found, inputs, new = ready.read(POOL, resource_id, {**POOL_INPUTS, "maxSessionLimit": 16}, outputs)
    assert found == resource_id
    assert inputs == {**POOL_INPUTS, "maxSessionLimit": 8, "friendlyName": "by hand"}
    assert new["validationEnvironment"] is False


def test_refresh_of_an_unchanged_resource_changes_no_input(ready, arm):
    resource_id, outputs = ready.create(VERSION, VERSION_INPUTS)
    assert ready.read(VERSION, resource_id, VERSION_INPUTS, outputs)[1] == VERSION_INPUTS


def test_refresh_of_a_deleted_resource_says_so(ready):
    assert ready.read(GALLERY, GALLERY_ID, GALLERY_INPUTS, {})[0] == ""


def test_import_makes_the_inputs_of_what_is_there(ready, arm):
    arm.on_put = lambda body: {
        **body,
        "properties": {
            **body["properties"],
            "provisioningState": "Succeeded",
            "publishingProfile": {**body["properties"]["publishingProfile"], "publishedDate": "2026"},
            "storageProfile": {**body["properties"]["storageProfile"], "osDiskImage": {"sizeInGB": 127}},
        },
    }
    resource_id, _ = ready.create(VERSION, VERSION_INPUTS)
    _, inputs, _ = ready.read(VERSION, resource_id)
    api_version = inputs.pop("azureApiVersion")
    assert api_version == "2024-03-03"
    assert inputs == VERSION_INPUTS
    assert ready.check(VERSION, inputs)[1] == {}


def test_import_of_another_types_id_is_refused(ready, arm):
    arm.resources["/subscriptions/x"] = {"id": "/subscriptions/x"}
    with pytest.raises(grpc.RpcError, match="is no id of azure-native:compute:Gallery"):
        ready.read(GALLERY, "/subscriptions/x")


def test_delete_deletes(ready, arm):
    resource_id, _ = ready.create(GALLERY, GALLERY_INPUTS)
    ready.delete(GALLERY, resource_id)
    assert arm.resources == {}


def test_cancel_ends_what_waits(ready, arm):
    ready.cancel()
    assert arm.calls == [("CANCEL", "", None)]


def test_a_vault_can_be_looked_up(ready, arm):
    vault = f"{SUBSCRIPTION}/resourceGroups/avd/providers/Microsoft.KeyVault/vaults/kv"
    arm.resources[vault.lower()] = {"id": vault, "properties": {"vaultUri": "https://kv/"}}
    found = ready.invoke("azure-native:keyvault:getVault", resourceGroupName="avd", vaultName="kv")
    assert found["properties"]["vaultUri"] == "https://kv/"
    with pytest.raises(grpc.RpcError, match="vaults/none' was not found"):
        ready.invoke("azure-native:keyvault:getVault", resourceGroupName="avd", vaultName="none")


def test_a_feature_of_the_subscription_is_read(ready, arm):
    feature = (
        f"{SUBSCRIPTION}/providers/Microsoft.Features/featureProviders/Microsoft.Compute"
        "/subscriptionFeatureRegistrations/RollingUpgradeDeferral"
    )
    arm.resources[feature.lower()] = {"id": feature, "properties": {"state": "Pending"}}
    arguments = {"providerNamespace": "Microsoft.Compute", "featureName": "RollingUpgradeDeferral"}
    found = ready.invoke("azure-native:features:getSubscriptionFeatureRegistration", **arguments)
    assert found["properties"]["state"] == "Pending"

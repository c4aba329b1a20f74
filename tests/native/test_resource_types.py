"""The table against the SDK whose plugin it stands in for."""

from __future__ import annotations

import inspect
import re

import pulumi_azure_native as sdk
import pytest
from pulumi._types import input_type_py_to_pulumi_names

from emulator.native.resource_types import RESOURCE_TYPES, UnknownType, type_of, type_of_urn

CLASSES = {
    "azure-native:resources:ResourceGroup": sdk.resources.ResourceGroup,
    "azure-native:compute:Gallery": sdk.compute.Gallery,
    "azure-native:compute:GalleryImage": sdk.compute.GalleryImage,
    "azure-native:compute:GalleryImageVersion": sdk.compute.GalleryImageVersion,
    "azure-native:authorization:RoleDefinition": sdk.authorization.RoleDefinition,
    "azure-native:authorization:RoleAssignment": sdk.authorization.RoleAssignment,
    "azure-native:desktopvirtualization:HostPool": sdk.desktopvirtualization.HostPool,
    "azure-native:compute:VirtualMachineScaleSet": sdk.compute.VirtualMachineScaleSet,
    "azure-native:network:LoadBalancer": sdk.network.LoadBalancer,
    "azure-native:maintenance:MaintenanceConfiguration": sdk.maintenance.MaintenanceConfiguration,
    "azure-native:maintenance:ConfigurationAssignment": sdk.maintenance.ConfigurationAssignment,
    "azure-native:batch:Pool": sdk.batch.Pool,
}


def arguments_class(resource: type) -> type:
    return getattr(inspect.getmodule(resource), f"{resource.__name__}Args")


def test_each_served_type_is_compared():
    assert CLASSES.keys() == RESOURCE_TYPES.keys()


@pytest.mark.parametrize("token", RESOURCE_TYPES)
def test_inputs_are_those_of_the_sdk(token):
    known = RESOURCE_TYPES[token]
    names = set(input_type_py_to_pulumi_names(arguments_class(CLASSES[token])).values())
    assert names == known.inputs | set(known.parameters)


@pytest.mark.parametrize("token", RESOURCE_TYPES)
def test_the_api_version_is_the_sdks_default(token):
    documentation = inspect.getsource(CLASSES[token])
    [version] = set(re.findall(r"Uses Azure REST API version (\S+)\.", documentation))
    assert RESOURCE_TYPES[token].api_version == version


@pytest.mark.parametrize("token", RESOURCE_TYPES)
def test_what_is_required_by_the_sdk_is_required(token):
    known = RESOURCE_TYPES[token]
    arguments = arguments_class(CLASSES[token])
    names = input_type_py_to_pulumi_names(arguments)
    initial = inspect.signature(arguments.__init__).parameters.values()
    required = {names[p.name] for p in initial if p.default is inspect.Parameter.empty and p.name in names}
    # Location is optional in the SDK because the plugin fills it in, the principal type because the SDK does.
    assert required <= known.required | set(known.parameters)


@pytest.mark.parametrize("token", RESOURCE_TYPES)
def test_replacements_name_inputs(token):
    known = RESOURCE_TYPES[token]
    assert {re.split(r"[.\[]", path)[0] for path in known.replace_on} <= known.inputs


def test_an_id_is_made_of_its_parameters_and_taken_apart_again():
    known = type_of("azure-native:compute:GalleryImageVersion")
    inputs = {
        "resourceGroupName": "a group",
        "galleryName": "g",
        "galleryImageName": "i",
        "galleryImageVersionName": "1.0.0",
    }
    resource_id = known.resource_id(inputs, "s")
    assert resource_id == (
        "/subscriptions/s/resourceGroups/a%20group/providers/Microsoft.Compute/galleries/g/images/i/versions/1.0.0"
    )
    assert known.parameters_of(resource_id.upper().replace("A%20GROUP", "a%20group")) | {"galleryName": "g"}


def test_a_scope_keeps_its_slashes():
    known = type_of("azure-native:authorization:RoleAssignment")
    inputs = {"scope": "/subscriptions/s/resourceGroups/g", "roleAssignmentName": "n"}
    resource_id = known.resource_id(inputs, "unused")
    assert resource_id == ("/subscriptions/s/resourceGroups/g/providers/Microsoft.Authorization/roleAssignments/n")
    assert known.parameters_of(resource_id) == inputs


def test_an_id_of_another_type_is_refused():
    with pytest.raises(ValueError, match="is no id of azure-native:compute:Gallery: write /subscriptions/"):
        type_of("azure-native:compute:Gallery").parameters_of("/subscriptions/s")


def test_an_unknown_type_is_named():
    with pytest.raises(UnknownType, match="azure-native:compute:Disk is not served: this is the stand-in"):
        type_of_urn("urn:pulumi:s::p::azure-native:compute:Disk::d")

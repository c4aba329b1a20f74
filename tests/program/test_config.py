from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from components import CaptureRoleArgs
from program.config import ConfigError, Settings, settings_of
from program.config_schema import SCHEMA
from program.golden_image import with_uris
from program.resource_inputs import Inputs
from program.resources import resources
from providers.host_pool_image_update import HostPoolImageUpdateArgs

ROOT = Path(__file__).parents[2]
PROJECT = "avd-hostpool-image-update"
GROUP = "/subscriptions/1/resourceGroups/avd"
POOL = f"{GROUP}/providers/Microsoft.DesktopVirtualization/hostPools/hp1"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv"
IMAGE = f"{GROUP}/providers/Microsoft.Compute/images/"
PRINCIPAL = "33333333-3333-3333-3333-333333333333"
NAMES = (
    "host_pool_id",
    "image",
    "version",
    "max_unavailable",
    "join",
    "local_admin",
    "build_resource_group_id",
    "promote_from",
)
INPUTS = Inputs(frozenset(NAMES), frozenset({"host_pool_id", "image", "version"}))
GOLDEN = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/golden"

VERSION_REMEDY = "write x.y.z, such as 1.0.1, or latest, or declare promote_from or golden_image"
VALID: dict[str, Any] = {
    "location": "westeurope",
    "host_pool_id": POOL,
    "gallery": {"resource_group_id": GROUP, "name": "avd"},
    "image_definition": {"name": "win11", "publisher": "Contoso", "offer": "avd", "sku": "win11"},
    "image_versions": [{"version": v, "source": {"managed_image_id": IMAGE + v}} for v in ("1.0.0", "1.0.1")],
    "image_version": "1.0.0",
    "key_vault_id": VAULT,
    "update_role": {"principal_id": PRINCIPAL},
    "rollout": {"max_unavailable": 3, "join": {"type": "ad", "password_secret": "join"}},
}


def read(values: dict[str, Any], inputs: Inputs = INPUTS) -> Settings:
    """Settings of values that are handed over as the Pulumi CLI does: texts, objects as JSON."""
    texts = {f"{PROJECT}:{k}": v if isinstance(v, str) else json.dumps(v) for k, v in values.items() if v is not None}
    known = {**resources(), "HostPoolImageUpdate": inputs}
    return settings_of({**texts, "azure-native:location": "westeurope"}, PROJECT, known)


def mistakes(**changes: Any) -> list[str]:
    with pytest.raises(ConfigError) as error:
        read({**VALID, **changes})
    first, *lines = str(error.value).splitlines()
    assert first == "the stack configuration is wrong:"
    return [line.strip() for line in lines]


# -- what is there


@pytest.mark.parametrize("stack", ["dev", "test", "prod", "emulator"])
def test_the_stacks_of_this_repository_are_valid(stack):
    values = yaml.safe_load((ROOT / "stacks" / f"Pulumi.{stack}.yaml").read_text())["config"]
    prefix = f"{PROJECT}:"
    assert all(key.startswith(prefix) for key in values)
    inputs = Inputs.of(HostPoolImageUpdateArgs)
    assert read({key.removeprefix(prefix): value for key, value in values.items()}, inputs).update_role is not None


def test_the_schema_has_the_keys_that_the_project_declares():
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    assert declared.keys() == SCHEMA["properties"].keys()
    assert all(key["description"] for key in declared.values())
    assert {name for name, key in declared.items() if "default" not in key} == set(SCHEMA["required"])
    assert {name: key["type"] for name, key in declared.items()} == {
        name: schema["type"] for name, schema in SCHEMA["properties"].items()
    }


# -- settings


def test_reads_gallery_and_versions():
    gallery = read(VALID).gallery
    assert gallery is not None
    assert (gallery.gallery_name, gallery.resource_group_name, gallery.location) == ("avd", "avd", "westeurope")
    [image] = gallery.images
    assert [v.name for v in image.versions] == ["1.0.0", "1.0.1"]
    assert image.versions[1].source.managed_image_id == IMAGE + "1.0.1"


def test_empty_values_count_as_not_given():
    settings = read({**VALID, "host_pool": {}, "image": "", "update_role": {}, "rollout": {}})
    assert (settings.host_pool, settings.image, settings.update_role, settings.rollout) == (None, None, None, {})


def test_the_role_covers_pool_hosts_gallery_and_vault():
    role = read(VALID).update_role
    assert role is not None
    assert (role.host_pool_id, role.host_resource_groups, role.subnet_ids) == (POOL, [GROUP], [GROUP])
    assert (role.image_id, role.key_vault_ids, role.build_resource_group) == (GROUP, [VAULT], None)
    assert role.role_name == "AVD image update hp1"


def test_the_role_covers_the_build_group_that_the_rollout_names():
    role = read({**VALID, "rollout": {"build_resource_group_id": GROUP + "-build"}}).update_role
    assert role is not None
    assert role.build_resource_group == GROUP + "-build"


def test_a_marketplace_image_needs_no_gallery_and_no_right_on_one():
    settings = read({**VALID, "gallery": {}, "image_definition": {}, "image_versions": [], "image": "p:o:s"})
    assert (settings.gallery, settings.image) == (None, "p:o:s")
    assert settings.update_role is not None
    assert settings.update_role.image_id is None


def test_a_pool_can_be_made():
    pool = {"resource_group_id": GROUP, "name": "hp2", "max_session_limit": 8}
    settings = read({**VALID, "host_pool_id": "", "host_pool": pool})
    assert settings.host_pool is not None
    assert settings.host_pool.max_session_limit == 8
    assert settings.host_pool_id == POOL.replace("hp1", "hp2")


def test_ids_are_read_without_case():
    assert read({**VALID, "host_pool_id": POOL.lower()}).host_pool_id == POOL.lower()


# -- mistakes


def test_an_unknown_key_is_an_error():
    [mistake] = mistakes(imageversion="1.0.0")
    assert mistake.startswith("imageversion: is no known key; did you mean image_version?")


def test_an_unknown_key_inside_an_object_is_an_error():
    assert mistakes(gallery={"resource_group_id": GROUP, "name": "avd", "colour": "red"}) == [
        "gallery.colour: is no known key; known are id, resource_group_id, name, description, tags"
    ]


def test_an_unknown_rollout_input_is_an_error():
    assert mistakes(rollout={"max_unavailabel": 3}) == [
        "rollout.max_unavailabel: is no known key; did you mean max_unavailable?"
    ]


def test_a_missing_rollout_input_is_an_error():
    inputs = Inputs(INPUTS.names, INPUTS.required | {"local_admin"})
    with pytest.raises(ConfigError, match=r"rollout\.local_admin: is missing; see HostPoolImageUpdate"):
        read(VALID, inputs)


def test_what_the_program_sets_itself_is_no_rollout_input():
    assert mistakes(rollout={"version": "1.0.0"}) == [
        "rollout.version: does not belong here; it comes from image_version"
    ]


@pytest.mark.parametrize(
    ("key", "value", "mistake"),
    [
        ("location", None, "location: is missing; write a text"),
        ("image_version", None, f"image_version: is missing; {VERSION_REMEDY}"),
        ("image_version", "1.0", f'image_version: "1.0" is not valid; {VERSION_REMEDY}'),
        (
            "host_pool_id",
            "hp1",
            'host_pool_id: "hp1" is not valid; write '
            "/subscriptions/<id>/resourceGroups/<name>/providers/Microsoft.DesktopVirtualization/hostPools/<name>",
        ),
        ("rollout", "3", "rollout: 3 is not valid; write an object with the inputs of HostPoolImageUpdate"),
        (
            "rollout",
            "{3",
            'rollout: "{3" is not read as the object it should be; '
            "write an object with the inputs of HostPoolImageUpdate",
        ),
        (
            "image_versions",
            {"1.0.0": {}},
            'image_versions: {"1.0.0": {}} is not valid; list the versions, each with version',
        ),
        (
            "update_role",
            {"principal_id": "updater"},
            'update_role.principal_id: "updater" is not valid; write the object id',
        ),
        (
            "update_role",
            {"catalog": True},
            "update_role.principal_id: is missing; write the object id of the updater's",
        ),
    ],
)
def test_a_wrong_value_names_property_value_and_remedy(key, value, mistake):
    [line] = mistakes(**{key: value})
    assert line.startswith(mistake)


def test_each_mistake_has_a_line():
    versions = [
        {"version": "1.0", "source": {"managed_image_id": IMAGE + "a"}},
        {"version": "1.0.0", "source": {}, "regions": [{"name": "westeurope", "replicas": 0}]},
    ]
    assert mistakes(image_versions=versions) == [
        'image_versions[0].version: "1.0" is not valid; write x.y.z, such as 1.0.1',
        "image_versions[1].regions[0].replicas: 0 is not valid; write a whole number from 1 to 100",
        "image_versions[1].source: {} is not valid; "
        "name exactly one of managed_image_id, virtual_machine_id, disk_id, version_id, community_version_id",
    ]


def test_a_version_has_one_source():
    source = {"managed_image_id": IMAGE + "a", "disk_id": f"{GROUP}/providers/Microsoft.Compute/disks/d"}
    [line] = mistakes(image_versions=[{"version": "1.0.0", "source": source}])
    assert "name exactly one of" in line


def test_a_version_to_promote_must_be_listed():
    assert mistakes(image_version="1.0.2") == [
        'image_version: "1.0.2" is not in image_versions; listed are: 1.0.0, 1.0.1; add it with its source'
    ]


def test_latest_needs_not_be_listed():
    assert read({**VALID, "image_version": "latest"}).image_version == "latest"


def test_a_version_is_listed_once():
    [line] = mistakes(image_versions=[VALID["image_versions"][0]] * 2)
    assert line == 'image_versions[1].version: "1.0.0" is listed twice; give each version once'


def test_a_pool_is_either_there_or_made():
    pool = {"resource_group_id": GROUP, "name": "hp2", "max_session_limit": 8}
    assert "is given together with host_pool;" in mistakes(host_pool=pool)[0]
    assert mistakes(host_pool_id="") == [
        "host_pool_id: is missing, and host_pool too; name the pool that is there, or describe one to make"
    ]


def test_an_image_is_either_named_or_in_a_gallery():
    assert "is given together with gallery;" in mistakes(image="p:o:s")[0]
    nothing = mistakes(gallery={}, image_definition={}, image_versions=[])
    assert nothing == ["image: is missing, and gallery too; name an image, or the gallery that holds it"]


def test_a_new_gallery_needs_its_group_and_a_definition():
    assert mistakes(gallery={"name": "avd"}) == [
        "gallery.resource_group_id: is missing; a new gallery needs the id of its group"
    ]
    assert mistakes(image_definition={}) == [
        "image_definition: is missing; a gallery needs name, publisher, offer, sku"
    ]


def test_the_name_of_a_secret_needs_a_vault():
    assert mistakes(key_vault_id="") == [
        'rollout.join.password_secret: "join" is the name of a secret without a vault; '
        "add key_vault_id, or write the secret's https:// URI"
    ]


def test_each_name_in_a_list_of_secrets_needs_a_vault():
    notify = {"url_secrets": ["mail", "https://kv.vault.azure.net/secrets/teams"]}
    told = [line for line in mistakes(key_vault_id="", rollout={"notify": notify}) if "without a vault" in line]
    assert told == [
        'rollout.notify.url_secrets: "mail" is the name of a secret without a vault; '
        "add key_vault_id, or write the secret's https:// URI"
    ]


def test_the_uri_of_a_secret_needs_no_vault():
    join = {"type": "ad", "password_secret": "https://kv.vault.azure.net/secrets/join"}
    assert read({**VALID, "key_vault_id": "", "rollout": {"join": join}}).key_vault_id is None


# -- promotion


def test_the_version_of_a_stack_that_promotes_is_promoted_unless_one_is_written():
    source = {"stack": "test", "soak": "P2D"}
    image = {"gallery": None, "image_definition": None, "image_versions": None, "image": "p:o:s"}
    assert read({**VALID, **image, "image_version": None, "promote_from": source}).image_version == "promoted"
    explicit = read({**VALID, **image, "promote_from": source})
    assert (explicit.image_version, explicit.promote_from) == ("1.0.0", source)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"image_version": "promoted"},
            'image_version: "promoted" comes from no stack; add promote_from with the stack before this one, '
            "or write a version",
        ),
        (
            {"promote_from": {"soak": "P2D"}},
            'promote_from: {"soak": "P2D"} names no stack; add stack, or the host_pool_id of another backend\'s stack',
        ),
        (
            {"promote_from": {"stack": "test", "max_failed": -1}},
            "promote_from.max_failed: -1 is not valid; write a number",
        ),
        ({"promote_from": {"from": "test"}}, "promote_from.from: is no known key; known are stack, host_pool_id, soak"),
    ],
)
def test_a_promotion_from_nowhere_is_refused(changes, line):
    [found] = mistakes(**changes)
    assert found.startswith(line)


def test_the_rollouts_own_promotion_is_a_key_of_the_stack():
    [line] = mistakes(rollout={"promote_from": {"stack": "test"}})
    assert line == "rollout.promote_from: does not belong here; it comes from promote_from beside rollout"


# -- golden image


def golden(image_version: str | None = None, **inputs: Any) -> dict[str, Any]:
    """Changes of VALID for a golden image with these inputs."""
    return {"golden_image": {"source_vm_id": GOLDEN, "version": "1.0.*", **inputs}, "image_version": image_version}


def test_the_hosts_of_a_stack_that_captures_run_what_it_captures_unless_a_version_is_written():
    made = read({**VALID, **golden()})
    assert (made.image_version, made.golden_image) == ("captured", {"source_vm_id": GOLDEN, "version": "1.0.*"})
    assert read({**VALID, **golden("captured")}).image_version == "captured"
    assert read({**VALID, **golden("1.0.9", version="1.0.9")}).image_version == "captured", "that is not there yet"
    former = read({**VALID, **golden("1.0.4")})
    assert former.image_version == "1.0.4", "of a former capture; none need be listed"
    assert read({**VALID, **golden("promoted"), "promote_from": {"stack": "test"}}).image_version == "promoted"


def test_the_role_has_the_rights_that_captures_need():
    none, role = read(VALID).update_role, read({**VALID, **golden()}).update_role
    assert none is not None and role is not None and none.captures is None
    assert role.captures == CaptureRoleArgs(GROUP, GROUP, GROUP)
    subnet = f"{GROUP}-net/providers/Microsoft.Network/virtualNetworks/v/subnets/clones"
    clone = {"subnet_id": subnet, "resource_group_id": f"{GROUP}-clones"}
    other = "22222222-2222-2222-2222-222222222222"
    role = read({**VALID, **golden(clone=clone, retention={"subscriptions": [other]})}).update_role
    assert role is not None
    seen = ["/subscriptions/1", "/subscriptions/1", f"/subscriptions/{other}"]
    assert role.captures == CaptureRoleArgs(GROUP, GROUP, subnet, f"{GROUP}-clones", seen)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"image_version": "captured"},
            'image_version: "captured" comes from no golden image; add golden_image with the golden VM',
        ),
        (
            golden(source_vm_id="golden"),
            'golden_image.source_vm_id: "golden" is not valid; write /subscriptions/<id>/resourceGroups/<name>/',
        ),
        (golden(update=[]), "golden_image.update: is no known key; did you mean updates?"),
        (golden(image=IMAGE), "golden_image.image: does not belong here; it comes from image or gallery"),
        ({"golden_image": {"version": "1.0.2"}}, "golden_image.source_vm_id: is missing; see GoldenImageVersion for"),
        (
            golden(version="1.0.1"),
            'golden_image.version: "1.0.1" is in image_versions too; declare another number, or "x.y.*" for the next',
        ),
        (
            golden("1.0.0", os_state="specialized"),
            'golden_image.os_state: "specialized" is not that of image_definition; give both the same; '
            "image_definition.os_state is Generalized, and cannot be changed later",
        ),
        (
            {
                **golden(os_state="specialized"),
                "image_definition": {**VALID["image_definition"], "os_state": "Specialized"},
            },
            'golden_image.os_state: "specialized" makes a version that no host is built from; leave os_state out, or '
            "write the image_version",
        ),
        (
            {**golden(), "gallery": {}, "image_definition": {}, "image_versions": [], "image": "p:o:s"},
            'image: "p:o:s" takes no versions of golden_image; write the id of an image definition',
        ),
        (
            {**golden(), "promote_from": {"stack": "test"}},
            "image_version: is missing, and both could say it; write captured for the version of",
        ),
        (
            golden(clone={"subnet_id": "clones"}),
            'golden_image.clone.subnet_id: "clones" is not valid; write /subscriptions/<id>/resourceGroups/<name>/',
        ),
        (
            golden(retention={"subscriptions": ["prod"]}),
            'golden_image.retention.subscriptions[0]: "prod" is not valid; write a GUID',
        ),
    ],
)
def test_what_cannot_be_with_a_golden_image_is_one_line(changes, line):
    [told] = mistakes(**changes)
    assert told.startswith(line)


def test_the_secret_of_an_update_script_is_named_in_the_vault_or_by_its_uri():
    secrets = {"Token": "office", "Site": "https://kv.vault.azure.net/secrets/site"}
    given = golden(updates=[{"name": "office", "script": ["x"], "secrets": secrets}])
    found = with_uris(read({**VALID, **given}).golden_image, lambda name: f"https://vault/{name}")
    assert found["updates"][0]["secrets"] == {**secrets, "Token": "https://vault/office"}
    told = mistakes(**given, key_vault_id="", rollout={})
    assert [line.partition(";")[0] for line in told] == [
        'golden_image.updates[0].secrets.Token: "office" is the name of a secret without a vault'
    ]

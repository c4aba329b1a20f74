"""The stack configuration, read once: typed settings, or every mistake with its property, value and remedy."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema

from components import (
    HostPoolArgs,
    ImageDefinitionArgs,
    ImageGalleryArgs,
    ImageSource,
    ImageUpdateRoleArgs,
    ImageVersionArgs,
    TargetRegionArgs,
)
from components.arm_ids import group_name_of, name_of, resource_group_of
from program import golden_image, targets
from program.config_schema import SCHEMA
from program.golden_image import CAPTURED
from program.resource_inputs import Inputs, is_secret_name, mistake, nearest
from program.targets import Target

PROMOTED = "promoted"
"""The version that stands for that of promote_from."""
SECRET_KEYS = (
    ("join", "password_secret"),
    ("local_admin", "username_secret"),
    ("local_admin", "password_secret"),
    ("notify", "url_secrets"),
)
"""Inputs under `rollout` that are Key Vault secrets, or lists of them: a URI, or a name in the vault of
`key_vault_id`."""


def with_secrets(rollout: Mapping[str, Any], uri_of: Callable[[str], Any]) -> dict[str, Any]:
    """The rollout's inputs with each secret's name replaced by what `uri_of` makes of it."""
    given = dict(rollout)

    def named(secret: Any) -> Any:
        return uri_of(secret) if is_secret_name(secret) else secret

    for section, name in SECRET_KEYS:
        part = given.get(section)
        if isinstance(part, dict) and name in part:
            value = part[name]
            given[section] = {
                **part,
                name: [named(each) for each in value] if isinstance(value, list) else named(value),
            }
    return given


class ConfigError(Exception):
    """The configuration is wrong; the message lists each mistake on a line of its own."""


@dataclass(frozen=True)
class Settings:
    """The stack configuration with its defaults filled in."""

    host_pool_id: str
    """Empty where the stack has only `targets`."""
    host_pool: HostPoolArgs | None
    """None: the pool exists, and is left as it is."""
    gallery: ImageGalleryArgs | None
    """None: the image is `image`, and nothing is made for it."""
    image: str | None
    image_version: str
    """x.y.z, `latest`, `promoted`, or `captured`."""
    golden_image: Mapping[str, Any] | None
    """Inputs of `GoldenImageVersion` but image. None: the stack captures no version."""
    promote_from: Mapping[str, Any] | None
    """The stack or pool whose version is promoted, and what it must have shown there."""
    key_vault_id: str | None
    update_role: ImageUpdateRoleArgs | None
    """None: the updater has its rights from elsewhere."""
    rollout: Mapping[str, Any]
    """Inputs of `HostPoolImageUpdate` but pool, image and version."""
    targets: tuple[Target, ...] = ()
    """What else follows the image."""

    @property
    def home(self) -> str:
        """Id of the host pool, else of the first target: their subscription is where the stack makes things."""
        return self.host_pool_id or self.targets[0].id


def settings_of(values: Mapping[str, str], project: str, inputs: Mapping[str, Inputs]) -> Settings:
    """Settings of the raw configuration: `<project>:<key>` -> text, objects as JSON, as the Pulumi CLI hands them over.

    `inputs` says, by the names of the resources, what the keys whose values go on to them may and must have. Empty
    values are defaults of Pulumi.yaml and count as not given. Raises ConfigError.
    """
    given: dict[str, Any] = {}
    mistakes: list[str] = []
    for key, text in values.items():
        namespace, _, name = key.partition(":")
        if namespace == project:
            try:
                value = _parsed(name, text)
            except ValueError:
                mistakes.append(mistake(name, text, "is not read as the object it should be", _remedy(name)))
                continue
            if value not in ("", [], {}):
                given[name] = value
    mistakes += _schema_mistakes(given)
    if not mistakes:
        mistakes = [
            *_contradictions(given, inputs["HostPoolImageUpdate"]),
            *golden_image.mistakes(given, inputs["GoldenImageVersion"]),
            *targets.mistakes(given, inputs),
        ]
    if mistakes:
        raise ConfigError("the stack configuration is wrong:\n" + "\n".join(f"  {line}" for line in mistakes))
    return _settings(given)


def _parsed(name: str, text: str) -> Any:
    kind = SCHEMA["properties"].get(name, {}).get("type")
    return json.loads(text) if kind in ("object", "array") and text else text


def _remedy(name: str) -> str:
    return str(SCHEMA["properties"].get(name, {}).get("remedy", ""))


# -- what a schema can say


def _schema_mistakes(given: Mapping[str, Any]) -> list[str]:
    errors = jsonschema.Draft202012Validator(SCHEMA).iter_errors(given)
    return [line for error in sorted(errors, key=lambda e: list(map(str, e.absolute_path))) for line in _lines(error)]


def _lines(error: jsonschema.ValidationError) -> list[str]:
    schema: Any = error.schema
    instance: Any = error.instance
    if error.validator == "additionalProperties":
        properties = schema["properties"]
        return [
            mistake(_path([*error.absolute_path, name]), None, "is no known key", nearest(name, properties))
            for name in sorted(instance.keys() - properties.keys())
        ]
    if error.validator == "required":  # one error for each missing name
        [name] = [name for name in schema["required"] if error.message.startswith(f"'{name}'")]
        return [mistake(_path([*error.absolute_path, name]), None, "is missing", schema["properties"][name]["remedy"])]
    return [mistake(_path(error.absolute_path), instance, "is not valid", schema.get("remedy", error.message))]


def _path(parts: Any) -> str:
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path


# -- what it cannot


def _contradictions(given: Mapping[str, Any], rollout: Inputs) -> list[str]:
    return [
        *_pool_mistakes(given),
        *_either(given, "image", "gallery", "name an image, or the gallery that holds it"),
        *_gallery_mistakes(given),
        *_promotion_mistakes(given),
        *_version_mistakes(given),
        *_rollout_mistakes(given, rollout),
    ]


def _pool_mistakes(given: Mapping[str, Any]) -> list[str]:
    """A stack with targets may do without a pool of its own."""
    if "targets" in given and "host_pool_id" not in given and "host_pool" not in given:
        return []
    return _either(given, "host_pool_id", "host_pool", "name the pool that is there, or describe one to make")


def _either(given: Mapping[str, Any], one: str, other: str, remedy: str) -> list[str]:
    if one in given and other in given:
        return [mistake(one, given[one], f"is given together with {other}", remedy)]
    if one not in given and other not in given:
        return [mistake(one, None, f"is missing, and {other} too", remedy)]
    return []


def _gallery_mistakes(given: Mapping[str, Any]) -> list[str]:
    gallery = given.get("gallery")
    if gallery is None:
        return [
            mistake(name, None, "is given without gallery", "add gallery, or remove it")
            for name in ("image_definition", "image_versions")
            if name in given
        ]
    mistakes = []
    if ("id" in gallery) == ("name" in gallery):
        mistakes.append(
            mistake(
                "gallery", gallery, "must have one of id and name", "id uses a gallery that is there, name makes one"
            )
        )
    elif "name" in gallery and "resource_group_id" not in gallery:
        mistakes.append(
            mistake("gallery.resource_group_id", None, "is missing", "a new gallery needs the id of its group")
        )
    if "image_definition" not in given:
        mistakes.append(mistake("image_definition", None, "is missing", "a gallery needs name, publisher, offer, sku"))
    return mistakes


def _promotion_mistakes(given: Mapping[str, Any]) -> list[str]:
    source, wanted = given.get("promote_from"), given.get("image_version")
    if source is None and wanted is None:
        nothing = mistake("image_version", None, "is missing", _remedy("image_version"))
        return [] if "golden_image" in given else [nothing]
    if source is None:
        remedy = "add promote_from with the stack before this one, or write a version"
        return [mistake("image_version", wanted, "comes from no stack", remedy)] if wanted == PROMOTED else []
    return (
        []
        if "stack" in source or "host_pool_id" in source
        else [
            mistake(
                "promote_from", source, "names no stack", "add stack, or the host_pool_id of another backend's stack"
            )
        ]
    )


def _version_mistakes(given: Mapping[str, Any]) -> list[str]:
    versions = [item["version"] for item in given.get("image_versions", [])]
    mistakes = [
        mistake(f"image_versions[{i}].version", version, "is listed twice", "give each version once")
        for i, version in enumerate(versions)
        if version in versions[:i]
    ]
    wanted = given.get("image_version", PROMOTED)
    all_listed = "name" in given.get("gallery", {}) and "golden_image" not in given
    if all_listed and wanted not in ("latest", PROMOTED, CAPTURED, *versions):
        listed = ", ".join(versions) or "none"
        mistakes.append(
            mistake(
                "image_version", wanted, "is not in image_versions", f"listed are: {listed}; add it with its source"
            )
        )
    return mistakes


def _rollout_mistakes(given: Mapping[str, Any], inputs: Inputs) -> list[str]:
    rollout = given.get("rollout", {})
    own = {"host_pool_id": "host_pool_id", "image": "image or gallery", "version": "image_version"}
    own["promote_from"] = "promote_from beside rollout"
    only_targets = "host_pool_id" not in given and "host_pool" not in given
    if only_targets:  # each host pool among the targets may have what it must have of its own
        inputs = Inputs(inputs.names, frozenset())
    mistakes = inputs.mistakes("rollout", rollout, own, "HostPoolImageUpdate")
    for section, name in SECRET_KEYS:
        part = rollout.get(section)
        value = part.get(name) if isinstance(part, dict) else None
        mistakes += [
            mistake(
                f"rollout.{section}.{name}",
                secret,
                "is the name of a secret without a vault",
                "add key_vault_id, or write the secret's https:// URI",
            )
            for secret in (value if isinstance(value, list) else [value])
            if is_secret_name(secret) and "key_vault_id" not in given
        ]
    return mistakes


# -- settings


def _settings(given: Mapping[str, Any]) -> Settings:
    location = given["location"]
    pool = given.get("host_pool")
    pool_id = given.get("host_pool_id") or (_host_pool_id(given["host_pool"]) if pool is not None else "")
    return Settings(
        host_pool_id=pool_id,
        host_pool=None if pool is None else _host_pool(pool, location),
        gallery=_gallery(given, location) if "gallery" in given else None,
        image=given.get("image"),
        image_version=CAPTURED if golden_image.takes_captured(given) else given.get("image_version", PROMOTED),
        golden_image=given.get("golden_image"),
        promote_from=given.get("promote_from"),
        key_vault_id=given.get("key_vault_id"),
        update_role=_update_role(given, pool_id) if "update_role" in given else None,
        rollout=given.get("rollout", {}),
        targets=targets.of(given),
    )


def _host_pool_id(pool: Mapping[str, Any]) -> str:
    return f"{pool['resource_group_id']}/providers/Microsoft.DesktopVirtualization/hostPools/{pool['name']}"


def _host_pool(given: Mapping[str, Any], location: str) -> HostPoolArgs:
    rest = {key: value for key, value in given.items() if key not in ("resource_group_id", "name")}
    return HostPoolArgs(
        resource_group_name=group_name_of(given["resource_group_id"]),
        host_pool_name=given["name"],
        location=location,
        **rest,
    )


def _gallery(given: Mapping[str, Any], location: str) -> ImageGalleryArgs:
    gallery = given["gallery"]
    versions = [_version(item) for item in given.get("image_versions", [])]
    group = gallery.get("resource_group_id")
    return ImageGalleryArgs(
        location=location,
        images=[ImageDefinitionArgs(**given["image_definition"], versions=versions)],
        resource_group_name=None if group is None else name_of(group),
        gallery_name=gallery.get("name"),
        gallery_id=gallery.get("id"),
        description=gallery.get("description"),
        tags=gallery.get("tags"),
    )


def _version(given: Mapping[str, Any]) -> ImageVersionArgs:
    rest = {key: value for key, value in given.items() if key not in ("version", "source", "regions")}
    return ImageVersionArgs(
        name=given["version"],
        source=ImageSource(**given["source"]),
        target_regions=[TargetRegionArgs(**region) for region in given.get("regions", [])],
        **rest,
    )


def _update_role(given: Mapping[str, Any], pool_id: str) -> ImageUpdateRoleArgs:
    """The role for everything the configuration names; groups that it does not name are the pools' own."""
    role = given["update_role"]
    rollout = given.get("rollout", {})
    listed = targets.of(given)
    pools = [*filter(None, [pool_id]), *(target.id for target in listed if target.kind == targets.HOST_POOL)]
    groups = list(dict.fromkeys(resource_group_of(pool) for pool in pools))
    gallery = given.get("gallery", {})
    image = gallery.get("id") or gallery.get("resource_group_id") or given.get("image", "")
    subnets = [*role.get("subnet_ids", groups), *filter(None, [rollout.get("build_subnet_id")])]
    golden = given.get("golden_image")
    return ImageUpdateRoleArgs(
        principal_id=role["principal_id"],
        principal_type=role.get("principal_type", "ServicePrincipal"),
        host_pool_id=pools[0] if pools else "",
        other_host_pool_ids=pools[1:],
        host_resource_groups=role.get("host_resource_groups", groups) if pools else [],
        subnet_ids=subnets,
        image_id=image if image.startswith("/subscriptions/") else None,
        key_vault_ids=[given["key_vault_id"]] if "key_vault_id" in given else [],
        build_resource_group=rollout.get("build_resource_group_id"),
        subscription_scope=role.get("subscription_scope", False),
        catalog=role.get("catalog", True),
        captures=golden_image.rights(golden, image, role.get("subnet_ids", [])) if golden is not None else None,
        scale_set_ids=[target.id for target in listed if target.kind == targets.SCALE_SET],
        batch_pool_ids=[target.id for target in listed if target.kind == targets.BATCH_POOL],
        role_name=role.get("name", f"AVD image update {name_of(pool_id or listed[0].id)}"),
    )

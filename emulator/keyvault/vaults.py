"""Key vaults in ARM: Microsoft.KeyVault/vaults, and secrets written through ARM (a value goes in, none comes out)."""

from __future__ import annotations

import copy

from emulator import ids
from emulator.keyvault import secrets
from emulator.paging import page
from emulator.resources import existence, subscriptions, tags
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import Resource, World

TYPE = "Microsoft.KeyVault/vaults"


def add(world: World, scope: str, name: str, values: dict[str, str], location: str = "westeurope") -> Resource:
    """Make a vault with RBAC authorization and secrets in a resource group, as a scenario does."""
    vault_id = f"{scope}/providers/{TYPE}/{name}"
    vault = world.put(vault_id, _body(world, vault_id, location, {}, {}))
    for secret, value in values.items():
        secrets.put(world, vault, secret, value)
    return vault


def by_name(world: World, name: str) -> Resource:
    """The vault that the data plane's host name would stand for, or 404."""
    for resource in world.resources.values():
        if resource.body.get("type") == TYPE and ids.name(resource.id).lower() == name.lower():
            return resource
    raise ArmError(404, "VaultNotFound", f"There is no vault '{name}'.")  # the public cloud has no such host name


def create(world: World, request: Request, path: dict[str, str]) -> Response:
    """PUT: 201 for a new vault, 200 for a known one, synchronous. `createMode` recover is not emulated."""
    vault_id = _id(path)
    existence.require_group(world, vault_id)
    known = world.get(vault_id)
    sent = request.body if isinstance(request.body, dict) else {}
    location = sent.get("location") or (known.body["location"] if known else None)
    if not location:
        raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
    body = _body(
        world,
        known.id if known else vault_id,
        subscriptions.normal_location(str(location)),
        dict(sent.get("properties") or {}),
        tags.validate(sent.get("tags")),
    )
    resource = world.put(body["id"], body)
    return Response(200 if known else 201, show(request, resource))


def update(world: World, request: Request, path: dict[str, str]) -> Response:
    """PATCH: properties are merged, tags replaced."""
    known = existence.find(world, _id(path))
    sent = request.body if isinstance(request.body, dict) else {}
    changed = copy.deepcopy(known.body)
    changed["properties"].update({k: v for k, v in (sent.get("properties") or {}).items() if v is not None})
    if "tags" in sent:
        changed["tags"] = tags.validate(sent["tags"])
    return Response(200, show(request, world.put(known.id, changed)))


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    existence.require_group(world, _id(path))
    return Response(200, show(request, existence.find(world, _id(path))))


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    scope = f"/subscriptions/{path['subscription']}"
    if "group" in path:
        scope += f"/resourceGroups/{path['group']}"
        existence.require_group(world, scope)
    return Response(200, page(request, [show(request, vault) for vault in world.under(scope, TYPE)]))


def delete(world: World, request: Request, path: dict[str, str]) -> Response:
    """200; 204 for a vault that is not there. Soft-deleted vaults are not kept."""
    known = world.get(_id(path))
    if known is None:
        return Response(204)
    world.delete(known.id)
    return Response(200)


def put_secret(world: World, request: Request, path: dict[str, str]) -> Response:
    vault = existence.find(world, _id(path))
    sent = request.body if isinstance(request.body, dict) else {}
    properties = sent.get("properties") or {}
    if not properties.get("value"):
        raise ArmError(400, "BadRequest", "The secret value cannot be null or empty.")  # unverified wording
    is_new = path["secret"].lower() not in secrets.all_of(vault)
    secrets.put(
        world,
        vault,
        path["secret"],
        str(properties["value"]),
        tags=tags.validate(sent.get("tags")),
        content_type=properties.get("contentType"),
        attributes=properties.get("attributes"),
    )
    return Response(201 if is_new else 200, _secret(request, vault, path["secret"]))


def get_secret(world: World, request: Request, path: dict[str, str]) -> Response:
    vault = existence.find(world, _id(path))
    if path["secret"].lower() not in secrets.all_of(vault):
        raise existence.missing(f"{vault.id}/secrets/{path['secret']}")
    return Response(200, _secret(request, vault, path["secret"]))


def list_secrets(world: World, request: Request, path: dict[str, str]) -> Response:
    vault = existence.find(world, _id(path))
    names = [each["name"] for each in secrets.all_of(vault).values() if each["deleted"] is None]
    return Response(200, page(request, [_secret(request, vault, name) for name in names], 25))


def show(request: Request, vault: Resource) -> Body:
    """The vault as GET returns it: vaultUri is the address at which the client reached the emulator."""
    body = copy.deepcopy(vault.body)
    body["properties"]["vaultUri"] = f"{request.base_url}/keyvault/{ids.name(vault.id)}"
    return body


def _secret(request: Request, vault: Resource, name: str) -> Body:
    secret, version = secrets.find(vault, name)
    uri = f"{request.base_url}/keyvault/{ids.name(vault.id)}/secrets/{secret['name']}"
    return {
        "id": f"{vault.id}/secrets/{secret['name']}",
        "name": secret["name"],
        "type": "Microsoft.KeyVault/vaults/secrets",
        "location": vault.body["location"],
        "tags": version["tags"],
        "properties": {
            "attributes": version["attributes"],
            "secretUri": uri,
            "secretUriWithVersion": f"{uri}/{version['version']}",
            **({"contentType": version["contentType"]} if version["contentType"] else {}),
        },
    }


def _body(world: World, vault_id: str, location: str, properties: Body, vault_tags: dict[str, str]) -> Body:
    given = {key: value for key, value in properties.items() if value is not None and key != "createMode"}
    return {
        "id": vault_id,
        "name": ids.name(vault_id),
        "type": TYPE,
        "location": location,
        "tags": vault_tags,
        "properties": {
            "sku": {"family": "A", "name": "standard"},
            "tenantId": subscriptions.tenant_of(world),
            "accessPolicies": [],
            "enabledForDeployment": False,
            "enabledForTemplateDeployment": False,
            "enableSoftDelete": True,
            "softDeleteRetentionInDays": secrets.RECOVERABLE_DAYS,
            "enableRbacAuthorization": True,
            "publicNetworkAccess": "Enabled",
            **given,
            "provisioningState": "Succeeded",
        },
    }


def _id(path: dict[str, str]) -> str:
    return f"/subscriptions/{path['subscription']}/resourceGroups/{path['group']}/providers/{TYPE}/{path['vault']}"

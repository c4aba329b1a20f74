"""Key Vault's data plane at `/keyvault/<vault>/secrets/...`: reading and writing secrets.

Data actions are checked on `<vault id>/secrets/<name>`: by role assignments, or by the access policies of a vault
without RBAC (learn.microsoft.com/azure/key-vault/general/rbac-guide).
"""

from __future__ import annotations

from emulator.authorization import check
from emulator.keyvault import secrets, vaults
from emulator.paging import page
from emulator.routing import Route
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import Resource, World

_DATA = "Microsoft.KeyVault/vaults/secrets/"
_ACTIONS = {
    "get": _DATA + "getSecret/action",
    "list": _DATA + "readMetadata/action",
    "set": _DATA + "setSecret/action",
    "update": _DATA + "update/action",
    "delete": _DATA + "delete",
    "recover": _DATA + "recover/action",
    "purge": _DATA + "purge/action",
}
PAGE = 25


def get_secret(world: World, request: Request, path: dict[str, str]) -> Response:
    vault = _authorized(world, request, path, "get")
    secret, version = secrets.find(vault, path["name"], path.get("version"))
    if not version["attributes"]["enabled"]:
        raise ArmError(
            403,
            "Forbidden",
            "Operation get is not allowed on a disabled secret.",
        )
    return Response(200, secrets.bundle(request.base_url, secret, version))


def set_secret(world: World, request: Request, path: dict[str, str]) -> Response:
    vault = _authorized(world, request, path, "set")
    body = request.body if isinstance(request.body, dict) else {}
    if not isinstance(body.get("value"), str):
        raise ArmError(400, "BadParameter", "Property  is not specified or is empty: value")  # unverified wording
    version = secrets.put(
        world,
        vault,
        path["name"],
        body["value"],
        tags=body.get("tags"),
        content_type=body.get("contentType"),
        attributes=body.get("attributes"),
    )
    secret, _ = secrets.find(vault, path["name"])
    return Response(200, secrets.bundle(request.base_url, secret, version))


def update_secret(world: World, request: Request, path: dict[str, str]) -> Response:
    """PATCH of a version: attributes, content type, tags."""
    vault = _authorized(world, request, path, "update")
    secret, version = secrets.find(vault, path["name"], path.get("version"))
    body = request.body if isinstance(request.body, dict) else {}
    for key in ("enabled", "nbf", "exp"):
        if (body.get("attributes") or {}).get(key) is not None:
            version["attributes"][key] = body["attributes"][key]
    if "tags" in body:
        version["tags"] = dict(body["tags"] or {})
    if "contentType" in body:
        version["contentType"] = body["contentType"]
    version["attributes"]["updated"] = int(world.now)
    return Response(200, secrets.bundle(request.base_url, secret, version, value=False))


def list_secrets(world: World, request: Request, path: dict[str, str]) -> Response:
    vault = _authorized(world, request, path, "list")
    found = [s for s in secrets.all_of(vault).values() if s["deleted"] is None]
    shown = [
        secrets.bundle(request.base_url, s, s["versions"][-1], value=False, with_version=False)
        for s in sorted(found, key=lambda each: str(each["name"]).lower())
    ]
    return _page(request, shown)


def list_versions(world: World, request: Request, path: dict[str, str]) -> Response:
    vault = _authorized(world, request, path, "list")
    secret, _ = secrets.find(vault, path["name"])
    return _page(request, [secrets.bundle(request.base_url, secret, v, value=False) for v in secret["versions"]])


def delete_secret(world: World, request: Request, path: dict[str, str]) -> Response:
    """Soft deletion: the secret can be recovered until it is purged."""
    vault = _authorized(world, request, path, "delete")
    secret, _ = secrets.find(vault, path["name"])
    secret["deleted"] = world.now
    return Response(200, secrets.deleted_bundle(world, request.base_url, secret))


def get_deleted(world: World, request: Request, path: dict[str, str]) -> Response:
    vault = _authorized(world, request, path, "get")
    return Response(200, secrets.deleted_bundle(world, request.base_url, _deleted(vault, path["name"])))


def recover_deleted(world: World, request: Request, path: dict[str, str]) -> Response:
    vault = _authorized(world, request, path, "recover")
    secret = _deleted(vault, path["name"])
    secret["deleted"] = None
    return Response(200, secrets.bundle(request.base_url, secret, secret["versions"][-1], value=False))


def purge_deleted(world: World, request: Request, path: dict[str, str]) -> Response:
    vault = _authorized(world, request, path, "purge")
    _deleted(vault, path["name"])
    del secrets.all_of(vault)[path["name"].lower()]
    return Response(204)


def _deleted(vault: Resource, name: str) -> Body:
    secret = secrets.all_of(vault).get(name.lower())
    if secret is None or secret["deleted"] is None:
        raise ArmError(404, "SecretNotFound", f"Deleted Secret not found: {name}")
    return secret


def _authorized(world: World, request: Request, path: dict[str, str], operation: str) -> Resource:
    """The vault, if the caller may do this to the secret; 403 Forbidden in Key Vault's own words otherwise."""
    vault = vaults.by_name(world, path["vault"])
    action, name = _ACTIONS[operation], path.get("name", "")
    request.action = action
    scope = secrets.scope_of(vault, name)
    who = request.principal
    rbac = bool(vault.body["properties"].get("enableRbacAuthorization"))
    if rbac:
        allowed = check.allowed(world, who, action, scope, data=True)
    else:
        allowed = who is not None and secrets.permits(vault, who.object_id, operation)
    if allowed:
        return vault
    caller = f"appid={who.client_id if who else ''};oid={who.object_id if who else ''}"
    place = f"Vault: {vault.body['name']};location={vault.body['location']}\r\n"
    # Both texts as clients of the public cloud quote them.
    if rbac:
        message = (
            "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role "
            "definitions were changed recently, please observe propagation time.\r\n"
            f"Caller: {caller}\r\nAction: '{action}'\r\nResource: '{scope}'\r\nAssignment: (not found)\r\n"
            f"DenyAssignmentId: null\r\nDecisionReason: null \r\n{place}"
        )
    else:
        message = (
            f"The user, group or application '{caller}' does not have secrets {operation} permission on key vault "
            f"'{vault.body['name']};location={vault.body['location']}'. For help resolving this issue, please see "
            "https://go.microsoft.com/fwlink/?linkid=2125287"
        )
    raise VaultError(403, "Forbidden", message, inner="ForbiddenByRbac" if rbac else "AccessDenied")


class VaultError(ArmError):
    """An error of Key Vault: its `error` object has an `innererror`."""

    def __init__(self, status: int, code: str, message: str, *, inner: str) -> None:
        super().__init__(status, code, message)
        self.inner = inner

    def payload(self) -> Body:
        return {**super().payload(), "innererror": {"code": self.inner}}


def _page(request: Request, found: list[Body]) -> Response:
    answer = page(request, found, PAGE)
    return Response(200, {"nextLink": None, **answer})


_VAULT = "/keyvault/{vault}"
_SECRET = _VAULT + "/secrets/{name}"
_DELETED = _VAULT + "/deletedsecrets/{name}"

# Data actions are checked by the functions: no action of ARM's stands here.
ROUTES: list[Route] = [
    Route("GET", _VAULT + "/secrets", list_secrets, None),
    Route("GET", _SECRET, get_secret, None),
    Route("PUT", _SECRET, set_secret, None),
    Route("DELETE", _SECRET, delete_secret, None),
    Route("GET", _SECRET + "/versions", list_versions, None),
    Route("GET", _SECRET + "/{version}", get_secret, None),
    Route("PATCH", _SECRET + "/{version}", update_secret, None),
    Route("PATCH", _SECRET, update_secret, None),
    Route("GET", _DELETED, get_deleted, None),
    Route("POST", _DELETED + "/recover", recover_deleted, None),
    Route("DELETE", _DELETED, purge_deleted, None),
]

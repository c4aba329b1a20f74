"""Tags at any scope: `/{scope}/providers/Microsoft.Resources/tags/default` reads and changes the resource's own tags.

A change counts the resource's etag up, as any other write does. It takes no If-Match.
"""

from __future__ import annotations

from typing import Any

from emulator import ids
from emulator.resources import existence, subscriptions
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import Resource, World

MAX_TAGS = 50
MAX_NAME = 512
MAX_VALUE = 256
_RESERVED = set("<>%&\\?/")


def validate(tags: Any) -> dict[str, str]:
    """The tags of a request body, or 400 as ARM words it.

    Limits: learn.microsoft.com/azure/azure-resource-manager/management/tag-resources. InvalidTagNameCharacters,
    InvalidTagName and InvalidTagValueLength as Azure PowerShell repeats them (Az.Migrate); TooManyTags is not verified.
    """
    if not tags:
        return {}
    if not isinstance(tags, dict) or not all(isinstance(v, str | int | float | bool) for v in tags.values()):
        raise ArmError(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized.")
    if len(tags) > MAX_TAGS:
        raise ArmError(
            400,
            "TooManyTags",
            f"The number of tags '{len(tags)}' exceeds the maximum number of tags per resource '{MAX_TAGS}'.",
        )
    wrong = [name for name in tags if set(name) & _RESERVED or any(ord(c) < 32 for c in name)]
    wrong = [name for name in wrong if not name.lower().startswith(("hidden-", "link:"))]
    if wrong:
        raise ArmError(
            400,
            "InvalidTagNameCharacters",
            f"The tag names '{', '.join(wrong)}' have reserved characters '<,>,%,&,\\,?,/' or control characters.",
        )
    long = [name for name in tags if not name or len(name) > MAX_NAME]
    if long:
        raise ArmError(
            400,
            "InvalidTagName",
            f"Tag key too large. Following tag name '{', '.join(long)}' exceeded the maximum length. Maximum allowed "
            f"length for tag name - '{MAX_NAME}' characters.",
        )
    long = [str(value) for value in tags.values() if len(str(value)) > MAX_VALUE]
    if long:
        raise ArmError(
            400,
            "InvalidTagValueLength",
            f"Tag value too large. Following tag value '{', '.join(long)}' exceeded the maximum length. Maximum "
            f"allowed length for tag value - '{MAX_VALUE}' characters.",
        )
    return {name: str(value) for name, value in tags.items()}


def require_valid(request: Request) -> None:
    """Raise 400 when the body of a PUT or PATCH carries tags that ARM refuses, whatever the resource."""
    if request.method.upper() in ("PUT", "PATCH") and isinstance(request.body, dict):
        validate(request.body.get("tags"))


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    resource = _tagged(world, path)
    return Response(200, _body(resource, resource.body.get("tags") or {}))


def replace(world: World, request: Request, path: dict[str, str]) -> Response:
    """PUT: the whole set."""
    resource = _tagged(world, path)
    return _store(world, resource, _wanted(request.body))


def update(world: World, request: Request, path: dict[str, str]) -> Response:
    """PATCH with `operation` Merge, Replace or Delete. Delete takes a tag whose value is equal, or is given empty."""
    resource = _tagged(world, path)
    operation = str((request.body or {}).get("operation", "")).lower() if isinstance(request.body, dict) else ""
    wanted = _wanted(request.body)
    tags: dict[str, str] = dict(resource.body.get("tags") or {})
    if operation == "replace":
        tags = wanted
    elif operation == "merge":
        for name, value in wanted.items():
            tags[_known_name(tags, name)] = value
    elif operation == "delete":
        for name, value in wanted.items():
            known = _known_name(tags, name)
            if known in tags and value in ("", tags[known]):
                del tags[known]
    else:
        # Wording not verified.
        raise ArmError(
            400,
            "InvalidTagsPatchOperation",
            f"The operation '{operation}' is not valid. The supported operations are 'Replace, Merge, Delete'.",
        )
    return _store(world, resource, tags)


def remove(world: World, request: Request, path: dict[str, str]) -> Response:
    """DELETE: all tags."""
    _store(world, _tagged(world, path), {})
    return Response(200)


def _known_name(tags: dict[str, str], name: str) -> str:
    """Tag names are compared without case; the name that is there keeps its case."""
    return next((known for known in tags if known.lower() == name.lower()), name)


def _tagged(world: World, path: dict[str, str]) -> Resource:
    scope = ids.normal(path["scope"])
    if scope.lower().count("/") == 2:
        return subscriptions.resource(world, ids.name(scope))
    if ids.resource_type(scope) == "":
        existence.require_group(world, scope)
    return existence.find(world, scope)


def _wanted(body: Any) -> dict[str, str]:
    properties = body.get("properties") if isinstance(body, dict) else None
    if not isinstance(properties, dict):
        raise ArmError(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized.")
    return validate(properties.get("tags"))


def _store(world: World, resource: Resource, tags: dict[str, str]) -> Response:
    validate(tags)
    world.put(resource.id, {**resource.body, "tags": tags})
    return Response(200, _body(resource, tags))


def _body(resource: Resource, tags: dict[str, str]) -> Body:
    return {
        "id": f"{resource.id}/providers/Microsoft.Resources/tags/default",
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": {"tags": dict(tags)},
    }

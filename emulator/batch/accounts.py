"""Batch accounts in ARM: Microsoft.Batch/batchAccounts (recording batch-account-and-dataplane-pool)."""

from __future__ import annotations

import copy
import re

from emulator import durations, ids, operations
from emulator.batch import fleet as fleets
from emulator.batch import tasks
from emulator.batch.errors import Problem, through_arm
from emulator.batch.fleet import ACCOUNT, POOL
from emulator.compute.shapes import body_of, location_of
from emulator.compute.sizes import SIZES
from emulator.paging import page
from emulator.resources import existence, tags
from emulator.wire import ArmError, Body, Headers, Request, Response
from emulator.world import Handler, Resource, World

FAMILIES = sorted({size.family for size in SIZES.values()})
MODES = ("BatchService", "UserSubscription")
_NAME = re.compile(r"[a-z0-9]{3,24}")


def make(world: World, account_id: str, location: str, properties: Body | None = None) -> Resource:
    """Put an account there, complete."""
    return world.put(account_id, _body(account_id, location, {}, properties or {}))


def create(world: World, request: Request, path: dict[str, str]) -> Response:
    """202 and Location, whose last answer is the account."""
    account_id = ids.normal(request.path)
    existence.require_group(world, account_id)
    if not _NAME.fullmatch(path["account"]):
        told = "Batch account names must be 3 to 24 characters of lowercase letters and numbers."
        raise ArmError(400, "InvalidAccountName", told)  # wording unverified
    body = body_of(request)
    location, known = location_of(body), world.get(account_id)
    same_name = fleets.account_by_name(world, path["account"])
    if same_name is not None and not ids.same(same_name.id, account_id):
        told = f"An account named '{path['account']}' already exists in region '{location}'."
        raise ArmError(409, "AccountAlreadyExists", told)  # wording unverified
    properties = body.get("properties") or {}
    mode = properties.get("poolAllocationMode", "BatchService")
    if mode not in MODES:
        problem = Problem("properties.poolAllocationMode", mode, f"The value must be one of {', '.join(MODES)}.")
        raise through_arm(world, problem)
    if known is not None and known.body["properties"]["poolAllocationMode"] != mode:
        told = "The allocation mode of an account cannot be changed."
        raise through_arm(world, Problem("properties.poolAllocationMode", mode, told, "PropertyCannotBeUpdated"))
    resource = world.put(account_id, _body(account_id, location, tags.validate(body.get("tags")), properties))
    if world.setting("batch_without_auto_os_upgrade", False):
        resource.hidden["without_auto_os_upgrade"] = True
    headers = operations.start(
        world,
        request,
        kind="batch account put",
        resource_id=account_id,
        seconds=durations.draw(world, "batch account put", account_id),
        done="batch.account_made",
        account_id=account_id,
        base_url=request.base_url,
    )
    return Response(202, None, headers)


def update(world: World, request: Request, path: dict[str, str]) -> Response:
    """PATCH: tags, and settings that nothing here looks at."""
    known = existence.find(world, request.path)
    sent = body_of(request)
    changed = copy.deepcopy(known.body)
    if "tags" in sent:
        changed["tags"] = tags.validate(sent["tags"])
    changed["properties"].update(
        {k: v for k, v in (sent.get("properties") or {}).items() if k != "poolAllocationMode" and v is not None}
    )
    return Response(200, show(world.put(known.id, changed), request.base_url))


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    existence.require_group(world, request.path)
    known = existence.find(world, request.path)
    return Response(200, show(known, request.base_url), etag(known))


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    scope = f"/subscriptions/{path['subscription']}"
    if "group" in path:
        scope += f"/resourceGroups/{path['group']}"
        existence.require_group(world, scope)
    found = [show(account, request.base_url) for account in world.under(scope, ACCOUNT)]
    return Response(200, page(request, found))


def delete(world: World, request: Request, path: dict[str, str]) -> Response:
    """202; 204 where there is none. Its pools, nodes and jobs go with it."""
    known = world.get(ids.normal(request.path))
    if known is None:
        return Response(204)
    headers = operations.start(
        world,
        request,
        kind="batch account delete",
        resource_id=known.id,
        seconds=durations.draw(world, "batch account delete", known.id),
        done="batch.account_gone",
        account_id=known.id,
    )
    return Response(202, None, headers)


def list_keys(world: World, request: Request, path: dict[str, str]) -> Response:
    """Keys that open nothing: the emulator's data plane takes Entra tokens only."""
    known = existence.find(world, request.path.rpartition("/")[0])
    name = ids.name(known.id)
    return Response(200, {"accountName": name, "primary": "ZW11bGF0ZWQ=", "secondary": "ZW11bGF0ZWQ="})


def show(account: Resource, base_url: str) -> Body:
    """The account as GET returns it. The endpoint is the emulator's own address, with a path in place of a host."""
    body = copy.deepcopy(account.body)
    properties = body["properties"]
    host = base_url.removeprefix("https://")
    properties["accountEndpoint"] = f"{host}/batch/{ids.name(account.id)}"
    properties["nodeManagementEndpoint"] = f"{host}/batch-nodes"  # where nodes call home
    if not body["tags"]:
        del body["tags"]
    return body


def etag(account: Resource) -> Headers:
    return Headers({"ETag": f'"0x8DC{account.etag:012X}"'})


def _body(account_id: str, location: str, given_tags: dict[str, str], properties: Body) -> Body:
    return {
        "id": account_id,
        "name": ids.name(account_id),
        "type": ACCOUNT,
        "location": location,
        "tags": given_tags,
        "identity": {"type": "None"},
        "properties": {
            "provisioningState": "Succeeded",
            "dedicatedCoreQuota": 500,
            "dedicatedCoreQuotaPerVMFamily": [{"name": each, "coreQuota": 500} for each in FAMILIES],
            "dedicatedCoreQuotaPerVMFamilyEnforced": True,
            "lowPriorityCoreQuota": 500,
            "poolQuota": 100,
            "activeJobAndJobScheduleQuota": 300,
            "publicNetworkAccess": "Enabled",
            "privateEndpointConnections": [],
            "encryption": {"keySource": "Microsoft.Batch"},
            "allowedAuthenticationModes": ["SharedKey", "AAD", "TaskAuthenticationToken"],
            **{name: value for name, value in properties.items() if value is not None},
            "poolAllocationMode": properties.get("poolAllocationMode") or "BatchService",
        },
    }


def _made(world: World, *, operation: str, error: Body | None, account_id: str, base_url: str) -> None:
    account = world.get(account_id)
    if account is not None and error is None:
        operations.output(world, operation, show(account, base_url))


def _gone(world: World, *, operation: str, error: Body | None, account_id: str) -> None:
    if error is not None:
        return
    for pool in list(world.under(account_id, POOL)):
        fleets.forget(world, pool.id)
        world.delete(pool.id)
    tasks.forget(world, account_id)
    world.delete(account_id)


HANDLERS: dict[str, Handler] = {"batch.account_made": _made, "batch.account_gone": _gone}

"""Image versions: Microsoft.Compute/galleries/images/versions, and their replication to regions.

A version stays Creating for minutes and can be used in a region once it is replicated there. Its GET shows
`replicationStatus` only with `$expand=ReplicationStatus`. targetRegions come back with display names ("West Europe"),
whatever was sent (recording compute-gallery-image-version-lifecycle). `latest` is not a version of its own: image
references resolve it to the highest version that is not excluded from latest.
"""

from __future__ import annotations

import re
from typing import Any

from emulator import durations, ids, operations, paging
from emulator.compute import galleries, version_sources
from emulator.compute.shapes import body_of, clone, invalid, location_of, without_nulls
from emulator.resources import existence, subscriptions, tags
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import Handler, Resource, World

TYPE = "Microsoft.Compute/galleries/images/versions"
_NAME = re.compile(r"\d+\.\d+\.\d+")
_STORAGE = ("Standard_LRS", "Standard_ZRS", "Premium_LRS", "PremiumV2_LRS")
MAX_REPLICAS = 100


def create_or_update(world: World, request: Request, path: dict[str, str]) -> Response:
    version_id = ids.normal(request.path)
    existence.require_group(world, version_id)
    definition = existence.require_parent(world, version_id)
    if not _NAME.fullmatch(path["version"]) or any(int(p) > 2**31 - 1 for p in path["version"].split(".")):
        raise galleries.invalid_name("galleryImageVersion", _NAME.pattern)
    body = without_nulls(body_of(request))
    location, known = location_of(body), world.get(version_id)
    properties = body.get("properties") or {}
    if known is not None:
        given_tags = tags.validate(body.get("tags"))
        return _update(world, request, known, properties, given_tags)
    if location != definition.body["location"]:
        # unverified wording
        raise invalid(
            f"The location '{location}' of the image version must be that of its definition, "
            f"'{definition.body['location']}'.",
            "location",
        )
    profile = _profile(properties.get("publishingProfile") or {}, location, world.iso().replace("Z", "+00:00"))
    source = version_sources.find(world, request, definition, location, properties.get("storageProfile") or {})
    final: Body = {
        "name": path["version"],
        "id": version_id,
        "type": TYPE,
        "location": location,
        "tags": tags.validate(body.get("tags")),
        "properties": {
            "publishingProfile": profile,
            "storageProfile": source.profile,
            "safetyProfile": _safety(properties),
            **({"securityProfile": properties["securityProfile"]} if properties.get("securityProfile") else {}),
            "provisioningState": "Succeeded",
        },
    }
    stored = clone(final)
    stored["properties"]["provisioningState"] = "Creating"
    stored["properties"]["storageProfile"] = source.early_profile
    shallow = str(profile.get("replicationMode", "Full")).lower() == "shallow"
    base = durations.draw(world, "image version shallow" if shallow else source.duration, version_id)
    others = [name for name in _regions(profile) if name != location]
    ends = {location: base}
    for region in others:
        # Rows are of one region; each further one is copied from the first, all at the same time.
        ends[region] = base + durations.draw(world, "image version add region", f"{version_id}/{region}")
    hidden: Body = {"content": source.content, "final": final, "replication": _replicating(world, ends)}
    resource = world.put(version_id, stored, hidden)
    return _start(world, request, resource, 201, max(ends.values()), ends)


def update(world: World, request: Request, path: dict[str, str]) -> Response:
    """PATCH: target regions, exclude from latest, end of life, tags."""
    known = existence.find(world, request.path)
    body = without_nulls(body_of(request))
    given = tags.validate(body["tags"]) if "tags" in body else None
    return _update(world, request, known, body.get("properties") or {}, given)


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    existence.require_group(world, request.path)
    version = existence.find(world, request.path)
    body = clone(version.body)
    if request.query.get("$expand", "").lower() == "replicationstatus":
        body["properties"]["replicationStatus"] = replication_status(world, version)
    return Response(200, body)


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    definition = existence.find(world, ids.normal(request.path).rpartition("/")[0])
    return Response(200, paging.page(request, [clone(v.body) for v in world.under(definition.id, TYPE)]))


def delete(world: World, request: Request, path: dict[str, str]) -> Response:
    known = world.get(ids.normal(request.path))
    if known is None:
        existence.require_group(world, request.path)
        return Response(204)
    _require_idle(world, known)
    seconds = durations.draw(world, "image version delete", known.id)
    return galleries.remove(world, request, known, "image version delete", seconds)


def replication_status(world: World, version: Resource) -> Body:
    """`aggregatedState` and a `summary` of regions (spec example GalleryImageVersion_Get_WithReplicationStatus)."""
    known: dict[str, Body] = version.hidden.get("replication", {})
    summary = []
    for name in _regions(version.body["properties"]["publishingProfile"]):
        entry = known.get(name, {"state": "Completed"})
        progress = 100
        if entry["state"] == "Replicating":
            whole = max(1.0, entry["to"] - entry["from"])
            progress = int(min(99.0, max(0.0, 100 * (world.now - entry["from"]) / whole)))
        elif entry["state"] == "Failed":
            progress = 0
        display = subscriptions.display_location(name)
        summary.append({"region": display, "state": entry["state"], "details": "", "progress": progress})
    states = {entry["state"] for entry in summary}
    aggregated = "Failed" if "Failed" in states else "InProgress" if "Replicating" in states else "Completed"
    return {"aggregatedState": aggregated, "summary": summary}


# -- parts


def _update(
    world: World, request: Request, version: Resource, properties: Body, given_tags: dict[str, str] | None
) -> Response:
    _require_idle(world, version)
    had = version.body["properties"]
    _require_same_source(properties.get("storageProfile") or {}, had["storageProfile"])
    wanted = {**had["publishingProfile"], **(properties.get("publishingProfile") or {})}
    profile = _profile(wanted, version.body["location"], had["publishingProfile"]["publishedDate"])
    final = clone(version.body)
    final["properties"].update(publishingProfile=profile, provisioningState="Succeeded")
    if "safetyProfile" in properties:
        final["properties"]["safetyProfile"] = _safety(properties)
    if given_tags is not None:
        final["tags"] = given_tags
    before, after = set(_regions(had["publishingProfile"])), _regions(profile)
    ends = {
        region: durations.draw(world, "image version add region", f"{version.id}/{region}")
        for region in after
        if region not in before
    }
    seconds = max(ends.values()) if ends else durations.draw(world, "image version update", version.id)
    answer = clone(final)
    answer["properties"]["provisioningState"] = "Updating"
    replication = {r: e for r, e in version.hidden.get("replication", {}).items() if r in after}
    hidden = {**version.hidden, "final": final, "replication": {**replication, **_replicating(world, ends)}}
    world.put(version.id, answer, hidden)
    return _start(world, request, version, 200, seconds, ends)


def _start(
    world: World, request: Request, version: Resource, status: int, seconds: float, ends: dict[str, float]
) -> Response:
    answer = clone(version.body)
    headers = operations.start(
        world,
        request,
        kind="image version put",
        resource_id=version.id,
        seconds=seconds,
        done="gallery_versions.written",
        version_id=version.id,
    )
    for region, after in ends.items():
        world.schedule(after, "gallery_versions.replicated", version_id=version.id, region=region)
    return Response(status, answer, headers)


def _replicating(world: World, ends: dict[str, float]) -> dict[str, Body]:
    return {r: {"state": "Replicating", "from": world.now, "to": world.now + s} for r, s in ends.items()}


def _regions(profile: Body) -> list[str]:
    return [subscriptions.normal_location(region["name"]) for region in profile["targetRegions"]]


def _profile(sent: Body, location: str, published: str) -> Body:
    """The publishing profile as it is shown: every region with its replica count and storage type."""
    default_count = int(sent.get("replicaCount") or 1)
    default_type = sent.get("storageAccountType") or "Standard_LRS"
    regions: list[Any] = sent.get("targetRegions") or [{"name": location}]
    shown: list[Body] = []
    for region in regions:
        name = subscriptions.normal_location(str(region.get("name") or ""))
        if name not in subscriptions.LOCATIONS:
            raise invalid(
                f"The target region '{region.get('name')}' is not a valid region.",
                "galleryImageVersion.properties.publishingProfile.targetRegions",
            )
        count = int(region.get("regionalReplicaCount") or default_count)
        if not 1 <= count <= MAX_REPLICAS:
            raise invalid(
                f"The value '{count}' of parameter 'regionalReplicaCount' is invalid. It must be between 1 and "
                f"{MAX_REPLICAS}.",
                "galleryImageVersion.properties.publishingProfile.targetRegions",
            )
        kind = str(region.get("storageAccountType") or default_type)
        if kind not in _STORAGE:
            raise invalid(
                f"The value '{kind}' of parameter 'storageAccountType' is invalid.",
                "galleryImageVersion.properties.publishingProfile.targetRegions",
            )
        shown.append(
            {
                "name": subscriptions.display_location(name),
                "regionalReplicaCount": count,
                "storageAccountType": kind,
                **{key: region[key] for key in ("encryption", "excludeFromLatest") if key in region},
            }
        )
    if location not in [subscriptions.normal_location(region["name"]) for region in shown]:
        # That the version's own region must be among them is documented; the wording is unverified.
        raise invalid(
            f"The target regions must contain the location of the image version, '{location}'.",
            "galleryImageVersion.properties.publishingProfile.targetRegions",
        )
    profile: Body = {
        "targetRegions": shown,
        "replicaCount": default_count,
        "excludeFromLatest": bool(sent.get("excludeFromLatest", False)),
        "publishedDate": published,
        "storageAccountType": default_type,
    }
    for name in ("endOfLifeDate", "replicationMode", "targetExtendedLocations"):
        if sent.get(name):
            profile[name] = sent[name]
    return profile


def _safety(properties: Body) -> Body:
    sent = properties.get("safetyProfile") or {}
    return {
        "reportedForPolicyViolation": False,
        "allowDeletionOfReplicatedLocations": bool(sent.get("allowDeletionOfReplicatedLocations", False)),
        **({"blockDeletionBeforeEndOfLife": True} if sent.get("blockDeletionBeforeEndOfLife") else {}),
    }


def _require_same_source(sent: Body, had: Body) -> None:
    """The source can be left out of an update, not changed."""
    for name in ("id", "virtualMachineId"):
        given = (sent.get("source") or {}).get(name)
        own = (had.get("source") or {}).get(name)
        if given and not ids.same(given, own):
            raise galleries.change_not_allowed(f"galleryImageVersion.properties.storageProfile.source.{name}")
    given = ((sent.get("osDiskImage") or {}).get("source") or {}).get("id")
    own = ((had.get("osDiskImage") or {}).get("source") or {}).get("id")
    if given and not ids.same(given, own):
        raise galleries.change_not_allowed("galleryImageVersion.properties.storageProfile.osDiskImage.source.id")


def _require_idle(world: World, version: Resource) -> None:
    """One write at a time (wording: recording error-409-vmss-conflict-concurrent; for versions unverified)."""
    if operations.latest(world, version.id) is not None:
        raise ArmError(
            409,
            "Conflict",
            "The request failed due to conflict with a concurrent request. To resolve it, please refer to "
            "https://aka.ms/activitylog to get more details on the conflicting requests.",
        )


def _replicated(world: World, *, version_id: str, region: str) -> None:
    """Event: a region has its copy."""
    version = world.get(version_id)
    entry = version.hidden.get("replication", {}).get(region) if version else None
    if entry is not None and entry["state"] == "Replicating" and entry["to"] <= world.now + 1e-6:
        entry["state"] = "Completed"
        world.handlers["scale_set_triggers.images_changed"](world)


def _written(world: World, *, operation: str, error: Body | None, version_id: str) -> None:
    version = world.get(version_id)
    final = version.hidden.pop("final", None) if version else None
    if version is None or final is None:
        return
    final["properties"]["provisioningState"] = "Failed" if error else "Succeeded"
    for entry in version.hidden.get("replication", {}).values():
        if entry["state"] == "Replicating":
            entry["state"] = "Failed" if error else "Completed"
    world.put(version_id, final)
    world.handlers["scale_set_triggers.images_changed"](world)


HANDLERS: dict[str, Handler] = {
    "gallery_versions.written": _written,
    "gallery_versions.replicated": _replicated,
}

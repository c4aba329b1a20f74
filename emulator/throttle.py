"""Throttling: token buckets of ARM's front door, of Compute and of the AVD session-host list, and their headers.

Each answer carries what is left. An empty bucket is 429 with Retry-After; a call that comes earlier than that is
refused again and is told a new time. Figures: learn.microsoft.com/azure/azure-resource-manager/management/
request-limits-and-throttling and learn.microsoft.com/azure/virtual-machines/compute-throttling-limits; the names and
capacities of the Compute buckets also by azure-cli recordings of 2023 and 2024.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

from emulator import ids
from emulator.routing import Route
from emulator.wire import ArmError, Body, Headers, Request
from emulator.world import World

PER_SECOND, PER_MINUTE = 1.0, 1 / 60


@dataclass(frozen=True, slots=True)
class Bucket:
    """`capacity` tokens at most, `refill` tokens a second."""

    capacity: int
    refill: float


ARM: dict[str, tuple[Bucket, Bucket]] = {
    "reads": (Bucket(250, 25 * PER_SECOND), Bucket(3750, 375 * PER_SECOND)),
    "writes": (Bucket(200, 10 * PER_SECOND), Bucket(3000, 150 * PER_SECOND)),
    "deletes": (Bucket(200, 10 * PER_SECOND), Bucket(3000, 150 * PER_SECOND)),
}
"""Kind of call -> (bucket per subscription and principal, bucket of the subscription for all principals)."""

_VM = Bucket(12, 4 * PER_MINUTE), Bucket(1500, 500 * PER_MINUTE)
COMPUTE_VM: dict[str, tuple[Bucket, Bucket]] = {
    "PutVM": _VM,
    "UpdateVM": _VM,
    "DeleteVM": _VM,
    "LowCostGet": (Bucket(36, 12 * PER_MINUTE), Bucket(24000, 8000 * PER_MINUTE)),
    "GetOperation": (Bucket(45, 15 * PER_MINUTE), Bucket(15000, 5000 * PER_MINUTE)),
    # Capacities by recordings compute-vmss-* of 2024, refill a third of them in a minute as for VMs.
    "CreateVMScaleSet": (Bucket(12, 4 * PER_MINUTE), Bucket(375, 125 * PER_MINUTE)),
    "DeleteVMScaleSet": (Bucket(12, 4 * PER_MINUTE), Bucket(525, 175 * PER_MINUTE)),
    "GetVMScaleSet": (Bucket(36, 12 * PER_MINUTE), Bucket(2400, 800 * PER_MINUTE)),
    "HighCostGetVMScaleSet": (Bucket(30, 10 * PER_MINUTE), Bucket(1080, 360 * PER_MINUTE)),
}
"""Compute policy -> (`<policy>Resource`, one for each VM or scale set; `<policy>SubscriptionMaximum`)."""

COMPUTE_SUBSCRIPTION: dict[str, Bucket] = {
    "HighCostGetSubscriptionMaximum": Bucket(900, 300 * PER_MINUTE),
    "VMScaleSetActionsSubscriptionMaximum": Bucket(1500, 500 * PER_MINUTE),
    "DeleteVMScaleSetSubscriptionMaximum": Bucket(525, 175 * PER_MINUTE),
    "GetSubscriptionInfoSubscriptionMaximum": Bucket(360, 120 * PER_MINUTE),
    "CreateImagesSubscriptionMaximum": Bucket(60, 20 * PER_MINUTE),
    "GetImagesSubscriptionMaximum": Bucket(360, 120 * PER_MINUTE),
    "DeleteImagesSubscriptionMaximum": Bucket(180, 60 * PER_MINUTE),
    # The older pairs of windows: what is left after one call is recorded; the refill is capacity by window.
    "CreateUpdateDisks3Min": Bucket(3000, 3000 / 180),
    "DeleteDisks3Min": Bucket(3000, 3000 / 180),
    "HighCostDiskHydrate3Min": Bucket(1000, 1000 / 180),
    "LowCostGet3Min": Bucket(15000, 15000 / 180),
    "HighCostGet3Min": Bucket(240, 240 / 180),
    "GetOperation3Min": Bucket(50000, 50000 / 180),
    "HighCostSnapshotCreateHydrate3Min": Bucket(1000, 1000 / 180),
    "CreateUpdateGallery3Min": Bucket(50, 50 / 180),
    "GetGallery3Min": Bucket(350, 350 / 180),
    "CreateUpdateGalleryImage3Min": Bucket(150, 150 / 180),
    "GetGalleryImage3Min": Bucket(600, 600 / 180),
    "CreateUpdateGalleryImageVersion3Min": Bucket(375, 375 / 180),
    "GetGalleryImageVersion3Min": Bucket(2000, 2000 / 180),
    "ListGalleryImageVersionsInGalleryImage3Min": Bucket(1500, 1500 / 180),
    "GetOperationStatus3Min": Bucket(1200, 1200 / 180),
    "ListVMImageOffersFromLocation3Min": Bucket(200, 200 / 180),
    "ListVMImageSkusFromLocation3Min": Bucket(10000, 10000 / 180),
    "ListVMImagesVersionsFromLocation3Min": Bucket(16000, 16000 / 180),
}

LONGEST_REFILL = max(each.capacity / each.refill for pair in COMPUTE_VM.values() for each in pair)
"""Seconds after which any bucket is full."""
SESSION_HOST_LISTS = 10
SESSION_HOST_WINDOW = 300.0
"""Lists of one host pool's session hosts in a window of five minutes (recording avd-sessionhost-get-and-list)."""
UNLIMITED = {"X-Rate-Limit-Limit": "0", "X-Rate-Limit-Remaining": "9223372036854775807", "X-Rate-Limit-Reset": "0"}

_RULES: tuple[tuple[str, str, str], ...] = (
    # method, type and what follows it (a pattern on the path after `Microsoft.Compute/`), policy
    ("GET", r"virtualmachines", "HighCostGetSubscriptionMaximum"),
    ("PUT", r"virtualmachines/[^/]+", "PutVM"),
    ("PATCH", r"virtualmachines/[^/]+", "UpdateVM"),
    ("DELETE", r"virtualmachines/[^/]+", "DeleteVM"),
    ("POST", r"virtualmachines/[^/]+/deallocate", "DeleteVM"),
    ("POST", r"virtualmachines/[^/]+/\w+", "UpdateVM"),
    ("GET", r"virtualmachines/[^/]+(/.*)?", "LowCostGet"),
    ("*", r"virtualmachines/[^/]+/(extensions|runcommands)/[^/]+", "UpdateVM"),
    # Reads of one instance have policies that no recording shows: they are not counted.
    ("GET", r"virtualmachinescalesets/[^/]+/(virtualmachines|instanceview)", "HighCostGetVMScaleSet"),
    ("GET", r"virtualmachinescalesets/[^/]+(/(rollingupgrades/latest|osupgradehistory|skus))?", "GetVMScaleSet"),
    ("PUT", r"virtualmachinescalesets/[^/]+", "CreateVMScaleSet"),
    ("PATCH", r"virtualmachinescalesets/[^/]+", "CreateVMScaleSet"),
    ("DELETE", r"virtualmachinescalesets/[^/]+", "DeleteVMScaleSet"),
    ("POST", r"virtualmachinescalesets/[^/]+/deallocate", "DeleteVMScaleSetSubscriptionMaximum"),
    ("POST", r"virtualmachinescalesets/.*", "VMScaleSetActionsSubscriptionMaximum"),
    ("GET", r"locations/[^/]+/operations/.*", "GetOperation"),
    ("GET", r"locations/[^/]+/diskoperations/.*", "GetOperation3Min"),
    ("GET", r"locations/[^/]+/capsoperations/.*", "GetOperationStatus3Min"),
    ("GET", r"locations/[^/]+/usages", "GetSubscriptionInfoSubscriptionMaximum"),
    ("GET", r"locations/.*/versions(/[^/]+)?", "ListVMImagesVersionsFromLocation3Min"),
    ("GET", r"locations/.*/skus", "ListVMImageSkusFromLocation3Min"),
    ("GET", r"locations/.*/offers", "ListVMImageOffersFromLocation3Min"),
    ("GET", r"(disks|snapshots)", "HighCostGet3Min"),
    ("GET", r"(disks|snapshots)/[^/]+", "LowCostGet3Min"),
    ("PUT", r"disks/[^/]+", "CreateUpdateDisks3Min"),
    ("PATCH", r"(disks|snapshots)/[^/]+", "CreateUpdateDisks3Min"),
    ("DELETE", r"(disks|snapshots)/[^/]+", "DeleteDisks3Min"),
    ("POST", r"disks/[^/]+/\w+", "HighCostDiskHydrate3Min"),
    ("*", r"snapshots/[^/]+(/\w+)?", "HighCostSnapshotCreateHydrate3Min"),
    ("PUT", r"images/[^/]+", "CreateImagesSubscriptionMaximum"),
    ("PATCH", r"images/[^/]+", "CreateImagesSubscriptionMaximum"),
    ("DELETE", r"images/[^/]+", "DeleteImagesSubscriptionMaximum"),
    ("GET", r"images(/[^/]+)?", "GetImagesSubscriptionMaximum"),
    ("GET", r"galleries(/[^/]+)?", "GetGallery3Min"),
    ("*", r"galleries/[^/]+", "CreateUpdateGallery3Min"),
    ("GET", r"galleries/[^/]+/images(/[^/]+)?", "GetGalleryImage3Min"),
    ("*", r"galleries/[^/]+/images/[^/]+", "CreateUpdateGalleryImage3Min"),
    ("GET", r"galleries/[^/]+/images/[^/]+/versions", "ListGalleryImageVersionsInGalleryImage3Min"),
    ("GET", r"galleries/[^/]+/images/[^/]+/versions/[^/]+", "GetGalleryImageVersion3Min"),
    ("*", r"galleries/[^/]+/images/[^/]+/versions/[^/]+", "CreateUpdateGalleryImageVersion3Min"),
)
_COMPILED = tuple((method, re.compile(pattern), policy) for method, pattern, policy in _RULES)


def charge(world: World, request: Request, route: Route, resource_id: str) -> Headers:
    """Take the tokens that this call costs. Returns the headers of its answer, raises 429 when a bucket is empty."""
    headers = Headers()
    _charge_front_door(world, request, headers)
    lower = request.path.lower()
    at = lower.rfind("/providers/microsoft.compute/")
    if at >= 0:
        _charge_compute(world, request, lower[at + len("/providers/microsoft.compute/") :].rstrip("/"), headers)
    elif route.template.lower().endswith(("/sessionhosts", "/sessionhosts/{host}", "/sessionhosts/{name}")):
        _charge_session_hosts(world, request, headers)
    return headers


def _charge_front_door(world: World, request: Request, headers: Headers) -> None:
    kind = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}.get(request.method.upper(), "writes")
    subscription = (ids.subscription(request.path) or "tenant").lower()
    actor = request.principal.object_id if request.principal else ""
    own, whole = ARM[kind]
    left, wait = _take(world, f"arm|{kind}|{subscription}|{actor}", own)
    left_global, wait_global = _take(world, f"arm|{kind}|{subscription}", whole)
    headers[f"x-ms-ratelimit-remaining-subscription-{kind}"] = str(left)
    headers[f"x-ms-ratelimit-remaining-subscription-global-{kind}"] = str(left_global)
    wait = max(wait, wait_global)
    if wait and _enabled(world):
        seconds = math.ceil(wait)
        tenant = world.setting("tenant", "22222222-2222-2222-2222-222222222222")
        # Wording: github.com/Azure/apiops/issues/612.
        raise ArmError(
            429,
            "SubscriptionRequestsThrottled",
            f"Number of '{kind[:-1]}' requests for subscription actor '{tenant}:{actor}' exceeded. Please try again "
            f"after '{seconds}' seconds after additional tokens are available. Refer to "
            "https://aka.ms/arm-throttling for additional information.",
            headers={**headers, "Retry-After": str(seconds), "x-ms-failure-cause": "gateway"},
        )


def _charge_compute(world: World, request: Request, rest: str, headers: Headers) -> None:
    """Policies of the Compute provider: one for the VM and one for the subscription, or one for the subscription."""
    method = request.method.upper()
    policy = next(
        (
            p
            for m, pattern, p in _COMPILED
            if m in ("*", "GET" if method == "HEAD" else method) and pattern.fullmatch(rest)
        ),
        None,
    )
    if policy is None:
        return
    subscription = (ids.subscription(request.path) or "").lower()
    charged: list[tuple[str, str, Bucket]] = []
    if policy in COMPUTE_VM:
        per_vm, whole = COMPUTE_VM[policy]
        charged.append((f"{policy}SubscriptionMaximum", subscription, whole))
        charged.append((f"{policy}Resource", _vm_of(world, request.path), per_vm))
    else:
        charged.append((policy, subscription, COMPUTE_SUBSCRIPTION[policy]))
    counts: list[str] = []
    refused: list[Body] = []
    longest = 0.0
    for name, holder, bucket in charged:
        left, wait = _take(world, f"crp|{name}|{holder}", bucket)
        counts.append(f"Microsoft.Compute/{name};{left}")
        if wait:
            longest = max(longest, wait)
            refused.append(_refused(world, name, bucket, wait))
    headers["x-ms-ratelimit-remaining-resource"] = ",".join(counts)
    headers["x-ms-request-charge"] = "1"
    if refused and _enabled(world):
        # Wording, with the JSON string as message: github.com/Azure/aks-engine/issues/2295.
        raise ArmError(
            429,
            "OperationNotAllowed",
            "The server rejected the request because too many requests have been received for this subscription.",
            details=refused,
            headers={**headers, "Retry-After": str(math.ceil(longest))},
        )


def _vm_of(world: World, path: str) -> str:
    """The VM or scale set whose own bucket a call costs: that of the path, or the one that a polled operation works
    on."""
    lower = path.lower()
    if "/virtualmachines/" in lower or "/virtualmachinescalesets/" in lower:
        return "/".join(lower.split("/")[:9])
    operations = world.sections.get("operations", {})
    operation = operations.get(lower.rsplit("/", 1)[-1])
    return "/".join(operation.resource_id.lower().split("/")[:9]) if operation else lower


def _refused(world: World, name: str, bucket: Bucket, wait: float) -> Body:
    record = {
        "operationGroup": name,
        "startTime": world.iso().replace("Z", "+00:00"),
        "endTime": world.iso(world.now + wait).replace("Z", "+00:00"),
        "allowedRequestCount": bucket.capacity,
        "measuredRequestCount": bucket.capacity + 1,
    }
    return {"code": "TooManyRequests", "target": name, "message": json.dumps(record, separators=(",", ":"))}


def _charge_session_hosts(world: World, request: Request, headers: Headers) -> None:
    """The list has a window of its own; a single GET shows an unlimited one."""
    if request.method.upper() != "GET":
        return
    if not request.path.rstrip("/").lower().endswith("/sessionhosts"):
        headers.update(UNLIMITED)
        return
    windows: dict[str, list[float]] = _section(world).setdefault("windows", {})
    key = ids.normal(request.path).lower()
    start, used = windows.get(key, [world.now, 0.0])
    if world.now >= start + SESSION_HOST_WINDOW:
        start, used = world.now, 0.0
    over = used >= SESSION_HOST_LISTS
    windows[key] = [start, used if over else used + 1]
    reset = start + SESSION_HOST_WINDOW
    headers["X-Rate-Limit-Limit"] = "5m"
    headers["X-Rate-Limit-Remaining"] = str(max(0, SESSION_HOST_LISTS - int(used) - 1))
    headers["X-Rate-Limit-Reset"] = world.iso(reset)
    if over and _enabled(world):
        # The window and its headers are recorded; a refusal is not, so its body is ours.
        raise ArmError(
            429,
            "429",
            f"ActivityId: {world.guid()} Error: Too many requests. Please try again later.",
            headers={**headers, "Retry-After": str(math.ceil(reset - world.now))},
        )


def _take(world: World, key: str, bucket: Bucket) -> tuple[int, float]:
    """Take one token: (whole tokens left, 0), or (0, seconds until there is one) with nothing taken."""
    buckets = _buckets(world)
    tokens, at = buckets.get(key, [float(bucket.capacity), world.now])
    tokens = min(float(bucket.capacity), tokens + (world.now - at) * bucket.refill)
    if tokens < 1.0:
        buckets[key] = [tokens, world.now]
        return 0, max(0.001, (1.0 - tokens) / bucket.refill)
    buckets[key] = [tokens - 1.0, world.now]
    return int(tokens - 1.0), 0.0


def _buckets(world: World) -> dict[str, list[float]]:
    """Tokens and time of each bucket that is not full. Each VM has several, so that those which are full again go when
    they have become twice as many."""
    section = _section(world)
    buckets: dict[str, list[float]] = section.setdefault("buckets", {})
    if len(buckets) > section.get("sweep_at", 1000):
        for key in [key for key, (_, at) in buckets.items() if world.now - at > LONGEST_REFILL]:
            del buckets[key]
        section["sweep_at"] = max(1000, 2 * len(buckets))
    return buckets


def _section(world: World) -> Body:
    part: Body = world.sections.setdefault("throttle", {})
    return part


def _enabled(world: World) -> bool:
    """The scenario option `throttling`; without one, buckets refuse."""
    return bool(world.setting("throttling", True))

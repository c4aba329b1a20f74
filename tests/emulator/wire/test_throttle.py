"""Rate limits: headers on every answer, and 429 as ARM, Compute and AVD give it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emulator import throttle
from emulator.routing import Route
from emulator.wire import ArmError, Headers, Request, Response
from emulator.world import World
from tests.emulator.arm_client import (
    COMPUTE,
    GROUP,
    GUEST,
    LOCATION,
    NETWORK,
    OWNER,
    SUBSCRIPTION,
    Client,
    code,
    message,
)

VM = f"{COMPUTE}/virtualMachines/vm-0"
POOL = f"{GROUP}/providers/Microsoft.DesktopVirtualization/hostPools/hp1"


@pytest.fixture
def world() -> World:
    return World(now=1000.0)


def charge(world: World, method: str, path: str, who: Any = OWNER) -> Headers:
    request = Request(method, path, principal=who)
    template = (
        "/x/sessionHosts/{name}" if "/sessionHosts/" in path else "/x/sessionHosts" if "sessionHosts" in path else path
    )
    route = Route(method, template, lambda *_: Response(200), None)
    return throttle.charge(world, request, route, path)


def drain(world: World, method: str, path: str, **options: Any) -> tuple[int, ArmError]:
    """Calls until one is refused: how many passed, and the refusal."""
    for passed in range(5000):
        try:
            charge(world, method, path, **options)
        except ArmError as error:
            return passed, error
    raise AssertionError("never refused")


def left(headers: Headers, bucket: str) -> int:
    table = dict(part.split(";") for part in headers["x-ms-ratelimit-remaining-resource"].split(","))
    return int(table[f"Microsoft.Compute/{bucket}"])


@pytest.mark.parametrize(
    ("method", "kind", "remaining", "globally"),
    [("GET", "reads", 249, 3749), ("PUT", "writes", 199, 2999), ("DELETE", "deletes", 199, 2999)],
)
def test_every_answer_says_what_is_left(world: World, method: str, kind: str, remaining: int, globally: int) -> None:
    headers = charge(world, method, f"{NETWORK}/networkInterfaces/n")
    assert headers[f"x-ms-ratelimit-remaining-subscription-{kind}"] == str(remaining)
    assert headers[f"x-ms-ratelimit-remaining-subscription-global-{kind}"] == str(globally)


def test_reads_of_one_principal_run_out_and_come_back_with_time(world: World) -> None:
    path = f"{NETWORK}/networkInterfaces"
    passed, refused = drain(world, "GET", path)
    assert passed == 250
    assert (refused.status, refused.code, refused.headers["Retry-After"]) == (429, "SubscriptionRequestsThrottled", "1")
    assert (
        f"Number of 'read' requests for subscription actor '22222222-2222-2222-2222-222222222222:{OWNER.object_id}'"
        in (refused.message)
    )
    assert charge(world, "GET", path, GUEST)["x-ms-ratelimit-remaining-subscription-reads"] == "249"
    world.now += 2
    assert drain(world, "GET", path)[0] == 50


def test_a_virtual_machine_has_buckets_of_its_own(world: World) -> None:
    headers = charge(world, "POST", f"{VM}/start")
    assert (left(headers, "UpdateVMSubscriptionMaximum"), left(headers, "UpdateVMResource")) == (1499, 11)
    headers = charge(world, "POST", f"{VM}/deallocate")
    assert (left(headers, "DeleteVMSubscriptionMaximum"), left(headers, "DeleteVMResource")) == (1499, 11)
    headers = charge(world, "PUT", f"{VM}/extensions/e")
    assert left(headers, "UpdateVMResource") == 10
    headers = charge(world, "GET", f"{VM}/instanceView")
    assert (left(headers, "LowCostGetSubscriptionMaximum"), left(headers, "LowCostGetResource")) == (23999, 35)
    assert left(charge(world, "GET", f"{VM}9"), "LowCostGetResource") == 35
    assert left(charge(world, "GET", VM.rsplit("/", 1)[0]), "HighCostGetSubscriptionMaximum") == 899


def test_compute_refuses_with_a_json_string_in_details(world: World) -> None:
    passed, refused = drain(world, "GET", VM)
    assert passed == 36
    assert (refused.status, refused.code) == (429, "OperationNotAllowed")
    assert refused.message.startswith("The server rejected the request because too many requests")
    assert refused.headers["Retry-After"] == "5"
    assert refused.details is not None
    (detail,) = refused.details
    assert (detail["code"], detail["target"]) == ("TooManyRequests", "LowCostGetResource")
    record = json.loads(detail["message"])
    assert record["operationGroup"] == "LowCostGetResource" and record["allowedRequestCount"] == 36
    world.now += 4.5
    with pytest.raises(ArmError):
        charge(world, "GET", VM)
    world.now += 0.6
    assert left(charge(world, "GET", VM), "LowCostGetResource") == 0


@pytest.mark.parametrize(
    ("method", "tail", "bucket", "remaining"),
    [
        ("PUT", "disks/d", "CreateUpdateDisks3Min", 2999),
        ("DELETE", "disks/d", "DeleteDisks3Min", 2999),
        ("GET", "disks/d", "LowCostGet3Min", 14999),
        ("PUT", "snapshots/s", "HighCostSnapshotCreateHydrate3Min", 999),
        ("PUT", "images/i", "CreateImagesSubscriptionMaximum", 59),
        ("PUT", "galleries/g/images/i/versions/1.0.0", "CreateUpdateGalleryImageVersion3Min", 374),
        ("GET", "galleries/g/images/i/versions/1.0.0", "GetGalleryImageVersion3Min", 1999),
        ("GET", "galleries/g/images/i/versions", "ListGalleryImageVersionsInGalleryImage3Min", 1499),
        ("PUT", "galleries/g", "CreateUpdateGallery3Min", 49),
        ("GET", "virtualMachineScaleSets/s", "GetVMScaleSetResource", 35),
        ("GET", "virtualMachineScaleSets/s/instanceView", "HighCostGetVMScaleSetSubscriptionMaximum", 1079),
        ("PATCH", "virtualMachineScaleSets/s", "CreateVMScaleSetResource", 11),
        ("POST", "virtualMachineScaleSets/s/manualupgrade", "VMScaleSetActionsSubscriptionMaximum", 1499),
        ("POST", "virtualMachineScaleSets/s/deallocate", "DeleteVMScaleSetSubscriptionMaximum", 524),
    ],
)
def test_the_names_of_the_other_compute_buckets_are_recorded(
    world: World, method: str, tail: str, bucket: str, remaining: int
) -> None:
    assert left(charge(world, method, f"{COMPUTE}/{tail}"), bucket) == remaining


def test_lists_of_session_hosts_have_a_window_and_single_hosts_none(world: World) -> None:
    first = charge(world, "GET", f"{POOL}/sessionHosts")
    assert (first["X-Rate-Limit-Limit"], first["X-Rate-Limit-Remaining"]) == ("5m", "9")
    one = charge(world, "GET", f"{POOL}/sessionHosts/vm-0")
    assert (one["X-Rate-Limit-Limit"], one["X-Rate-Limit-Remaining"]) == ("0", "9223372036854775807")
    world.now += 100
    passed, refused = drain(world, "GET", f"{POOL}/sessionHosts")
    assert passed == 9
    assert (refused.status, refused.headers["Retry-After"]) == (429, "200")
    charge(world, "GET", f"{POOL}2/sessionHosts")
    world.now += 200
    assert charge(world, "GET", f"{POOL}/sessionHosts")["X-Rate-Limit-Remaining"] == "9"


def test_a_refused_call_reaches_nothing_and_its_answer_has_the_headers() -> None:
    azure = Client(throttling=True)
    body = {"location": LOCATION}
    answers = [azure.put(f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g{n}", body) for n in range(205)]
    refused = answers[200]
    assert {a.status for a in answers[:200]} == {201} and {a.status for a in answers[200:]} == {429}
    assert code(refused) == "SubscriptionRequestsThrottled"
    assert message(refused).endswith("Refer to https://aka.ms/arm-throttling for additional information.")
    assert refused.headers.find("x-ms-ratelimit-remaining-subscription-writes") == "0"
    assert azure.world.get(f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g200") is None


def test_without_throttling_nothing_is_refused(world: World) -> None:
    world.sections["settings"] = {"throttling": False}
    for _ in range(300):
        headers = charge(world, "GET", VM)
    assert headers["x-ms-ratelimit-remaining-subscription-reads"] == "0"

"""The token bucket, Retry-After and the rate-limit headers, on virtual time."""

from __future__ import annotations

import asyncio
import json

import pytest

from cloud.throttling import PATIENCE, Bucket, Kind, Rate, Throttle, kind_of, shared_throttle
from rollout.urgency import Urgency, urgency
from simulation.virtual_time import EPOCH, LoopClock

SUBSCRIPTION = "https://management.azure.com/subscriptions/11111111-1111-1111-1111-111111111111"
COMPUTE = f"{SUBSCRIPTION}/resourceGroups/avd/providers/Microsoft.Compute"
VM = f"{COMPUTE}/virtualMachines/vm-0"
OTHER = f"{COMPUTE}/virtualMachines/vm-1"

pytestmark = pytest.mark.looptime


def elapsed() -> float:
    return LoopClock().now() - EPOCH


async def take(throttle: Throttle, count: int, method: str = "PATCH", url: str = VM) -> list[float]:
    """When each of `count` requests of one kind, all wanted at once, may be sent."""

    async def one() -> float:
        await throttle.wait_turn(method, url)
        return elapsed()

    return await asyncio.gather(*(one() for _ in range(count)))


def test_puts_patches_and_posts_are_writes() -> None:
    assert [kind_of(m) for m in ("PUT", "PATCH", "POST")] == [Kind.WRITE] * 3
    assert kind_of("GET") == Kind.READ
    assert kind_of("DELETE") == Kind.DELETE


async def test_a_burst_passes_and_the_rest_follows_at_the_rate() -> None:
    at = await take(Throttle(LoopClock()), 260)
    assert at[199] == 0
    assert at[200] == pytest.approx(0.1, abs=0.001)
    assert at[259] == pytest.approx(6.0, abs=0.01)


async def test_reads_and_writes_and_subscriptions_are_counted_apart() -> None:
    throttle = Throttle(LoopClock(), {kind: Rate(1, 1) for kind in Kind})
    assert await take(throttle, 1, "GET") == [0]
    assert await take(throttle, 1, "PUT") == [0]
    assert await take(throttle, 1, "DELETE") == [0]
    assert await take(throttle, 1, "GET", VM.replace("1111", "2222")) == [0]
    assert await take(throttle, 1, "GET") == [pytest.approx(1.0)]


async def test_the_bucket_refills_no_further_than_its_burst() -> None:
    bucket = Bucket(LoopClock(), Rate(3, 1))
    for _ in range(3):
        await bucket.take()
    assert bucket.level == pytest.approx(0)
    await asyncio.sleep(100)
    assert bucket.level == 3


async def test_retry_after_of_a_429_holds_everybody_of_that_kind() -> None:
    throttle = Throttle(LoopClock())
    body = json.dumps({"error": {"code": "SubscriptionRequestsThrottled", "message": "Please try again"}})
    throttle.learn("PUT", VM, 429, {"Retry-After": "17"}, body)
    assert await take(throttle, 1, "GET", OTHER) == [0]
    at = await take(throttle, 3, "PATCH", OTHER)
    assert at[0] == pytest.approx(17, abs=0.01)
    assert at[2] == pytest.approx(17.1, abs=0.11)  # and not all at once after it


async def test_a_hold_that_comes_while_others_wait_reaches_them() -> None:
    throttle = Throttle(LoopClock(), {kind: Rate(1, 1) for kind in Kind})
    waiting = asyncio.create_task(take(throttle, 2))
    await asyncio.sleep(0.5)
    throttle.learn("PUT", VM, 429, {"Retry-After": "30"}, "")
    assert (await waiting)[1] == pytest.approx(30.5, abs=0.01)


async def test_a_bucket_of_one_vm_holds_that_vm_only() -> None:
    throttle = Throttle(LoopClock())
    body = json.dumps({"error": {"code": "OperationNotAllowed", "details": [{"code": "TooManyRequests"}]}})
    throttle.learn("POST", f"{VM}/start", 429, {"Retry-After": "20"}, body)
    assert await take(throttle, 1, "POST", f"{OTHER}/start") == [0]
    assert await take(throttle, 1, "GET", VM) == [0]
    # The bucket UpdateVM holds PATCH, start, extensions and Run Command of one VM together.
    assert await take(throttle, 1, "PUT", f"{VM}/extensions/join") == [pytest.approx(20, abs=0.01)]


async def test_computes_subscription_bucket_holds_everybody() -> None:
    throttle = Throttle(LoopClock())
    headers = {
        "Retry-After": "40",
        "x-ms-ratelimit-remaining-resource": "Microsoft.Compute/UpdateVMSubscriptionMaximum;0",
    }
    throttle.learn("POST", f"{VM}/start", 429, headers, json.dumps({"error": {"code": "OperationNotAllowed"}}))
    assert await take(throttle, 1, "POST", f"{OTHER}/start") == [pytest.approx(40, abs=0.01)]


async def test_a_low_count_of_one_vm_makes_the_next_request_wait_for_the_refill() -> None:
    throttle = Throttle(LoopClock())
    left = "Microsoft.Compute/DeleteVMResource;1,Microsoft.Compute/DeleteVMSubscriptionMaximum;1499"
    throttle.learn("POST", f"{VM}/deallocate", 202, {"x-ms-ratelimit-remaining-resource": left})
    assert await take(throttle, 1, "POST", f"{VM}/start") == [0]
    assert await take(throttle, 1, "DELETE", VM) == [pytest.approx(15, abs=0.01)]


async def test_fewer_requests_left_at_azure_than_we_count_is_believed() -> None:
    throttle = Throttle(LoopClock())
    throttle.learn("GET", VM, 200, {"x-ms-ratelimit-remaining-subscription-reads": "2"})
    at = await take(throttle, 3, "GET", OTHER)
    assert at[:2] == [0, 0]
    assert at[2] == pytest.approx(0.04, abs=0.001)
    # More than our bucket holds (the counters before 2024 began at 11999) changes nothing.
    throttle.learn("GET", VM, 200, {"x-ms-ratelimit-remaining-subscription-reads": "11999"})
    assert throttle.bucket(SUBSCRIPTION.rpartition("/")[2], Kind.READ).level < 1


async def test_a_race_in_network_holds_nobody_else() -> None:
    throttle = Throttle(LoopClock())
    body = json.dumps({"error": {"code": "RetryableError", "message": "A retryable error occurred."}})
    throttle.learn("PUT", f"{SUBSCRIPTION}/x/networkInterfaces/a", 429, {"Retry-After": "10"}, body)
    assert await take(throttle, 1, "PUT", f"{SUBSCRIPTION}/x/networkInterfaces/b") == [0]


async def test_a_list_of_session_hosts_waits_for_the_reset_of_its_own_limit() -> None:
    throttle = Throttle(LoopClock())
    hosts = f"{SUBSCRIPTION}/x/hostPools/hp1/sessionHosts"
    headers = {
        "x-rate-limit-limit": "5m",
        "x-rate-limit-remaining": "0",
        "x-rate-limit-reset": "2026-01-12T20:03:20.6352622Z",
    }
    throttle.learn("GET", hosts, 200, headers)
    unlimited = {"x-rate-limit-limit": "0", "x-rate-limit-remaining": "9223372036854775807", "x-rate-limit-reset": "0"}
    throttle.learn("GET", f"{hosts}/vm-0", 200, unlimited)
    assert await take(throttle, 1, "GET", f"{hosts}/vm-0") == [0]
    assert await take(throttle, 1, "GET", hosts) == [pytest.approx(200.6, abs=0.1)]


async def test_one_process_shares_one_throttle_per_principal() -> None:
    clock = LoopClock()
    one = shared_throttle("https://management.azure.com", "updater", clock)
    assert shared_throttle("https://management.azure.com", "updater", LoopClock()) is one
    assert shared_throttle("https://management.azure.com", "deployer", clock) is not one


async def queued(*wanted: tuple[float, Urgency]) -> list[Urgency]:
    """In which order requests pass an empty bucket that come at these times."""
    bucket, passed = Bucket(LoopClock(), Rate(1, 1)), list[Urgency]()
    await bucket.take()

    async def one(at: float, how: Urgency) -> None:
        urgency.set(how)
        await asyncio.sleep(at)
        await bucket.take()
        passed.append(how)

    await asyncio.gather(*(one(at, how) for at, how in wanted))
    return passed


async def test_where_requests_wait_hosts_out_of_service_go_first_and_the_lease_before_them() -> None:
    order = [Urgency.LATER, Urgency.DRAINING, Urgency.OUT, Urgency.RUN]
    assert await queued(*((0.0, how) for how in order)) == order[::-1]
    assert elapsed() == pytest.approx(4.0)


async def test_who_comes_later_but_is_more_urgent_overtakes_who_is_waiting() -> None:
    assert await queued((0.0, Urgency.LATER), (0.0, Urgency.LATER), (0.5, Urgency.OUT)) == [
        Urgency.OUT,
        Urgency.LATER,
        Urgency.LATER,
    ]


async def test_nobody_is_overtaken_for_ever() -> None:
    ahead = [(float(second) / 2, Urgency.OUT) for second in range(2000)]  # twice what the bucket grants
    passed = await queued((0.0, Urgency.LATER), *ahead)
    assert passed.index(Urgency.LATER) < 2 * PATIENCE[Urgency.LATER] + 2


async def test_a_request_that_is_given_up_leaves_its_place_to_the_next() -> None:
    bucket = Bucket(LoopClock(), Rate(1, 1))
    await bucket.take()
    waiting = [asyncio.create_task(bucket.take()) for _ in range(3)]
    await asyncio.sleep(0.5)
    waiting[0].cancel()
    waiting[2].cancel()
    await waiting[1]
    assert elapsed() == pytest.approx(1.0)
    await bucket.take()
    assert elapsed() == pytest.approx(2.0)


async def test_the_seconds_that_requests_waited_are_summed() -> None:
    throttle = Throttle(LoopClock(), {kind: Rate(1, 1) for kind in Kind})
    await take(throttle, 3)
    assert throttle.paced == pytest.approx(1 + 2)


async def test_pages_of_disk_lists_are_paced_as_compute_counts_them() -> None:
    throttle = Throttle(LoopClock())
    disks = "https://x/subscriptions/1/resourceGroups/g/providers/Microsoft.Compute/disks"
    for _ in range(230):
        await throttle.wait_turn("GET", f"{disks}?api-version=1")
    assert throttle.paced == 0
    await throttle.wait_turn("GET", f"{disks}/vm-0_OsDisk?api-version=1")  # one disk is no list
    assert throttle.paced == 0
    await throttle.wait_turn("GET", f"{disks}?api-version=1&$skiptoken=2")
    assert throttle.paced == pytest.approx(180 / 230)


async def test_reads_are_scarce_as_far_as_their_bucket_is_empty() -> None:
    throttle = Throttle(LoopClock(), {kind: Rate(4, 1) for kind in Kind})
    assert throttle.scarcity() == 0
    await take(throttle, 3, "GET")
    assert throttle.scarcity() == pytest.approx(0.75)
    await take(throttle, 4, "PATCH")
    assert throttle.scarcity() == pytest.approx(0.75)
    await asyncio.sleep(3)
    assert throttle.scarcity() == pytest.approx(0)

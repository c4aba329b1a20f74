"""What a pipeline does with each request: retries, the lease check, counting."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from azure.core.exceptions import ServiceRequestError, ServiceResponseError
from azure.core.pipeline import AsyncPipeline
from azure.core.rest import HttpRequest

from cloud.policies import LAST_ANSWER, LeasePolicy, ObservePolicy, RetryPolicy, ThrottlePolicy, is_write, read_only
from cloud.throttling import Throttle
from cloud.traffic import AzureTime, Exchange, Traffic
from rollout.errors import LeaseLost
from simulation.virtual_time import EPOCH, LoopClock
from tests.support.wire import Answer, Scripted, in_turn

VM = "https://localhost/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm-0"
LOST = ServiceResponseError("Server disconnected")
OK: Answer = (200, {"name": "vm-0"})

pytestmark = pytest.mark.looptime


class Pipe:
    """A pipeline as `Connection` builds it, without tokens."""

    def __init__(self, answer: Callable[[HttpRequest], Answer], guard: Callable[[], None] = lambda: None) -> None:
        self.clock = LoopClock()
        self.wire = Scripted(answer)
        self.traffic, self.azure_time = Traffic(), AzureTime(self.clock)
        self.exchanges: list[Exchange] = []
        self.throttle = Throttle(self.clock)
        self._pipeline = AsyncPipeline(
            self.wire,
            [
                RetryPolicy(self.clock, random.Random(1)),
                ThrottlePolicy(self.throttle),
                ObservePolicy(self.clock, self.traffic, self.azure_time, self.exchanges.append),
                LeasePolicy(guard),
            ],
        )

    async def status(self, method: str, url: str = VM) -> int:
        response = await self._pipeline.run(HttpRequest(method, url))
        return response.http_response.status_code


def elapsed() -> float:
    return LoopClock().now() - EPOCH


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "POST", "DELETE"])
async def test_transient_answers_are_tried_again(method: str, status: int) -> None:
    pipe = Pipe(in_turn((status, None), OK))
    assert await pipe.status(method) == 200
    assert pipe.traffic.by_method[method] == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412])
async def test_definite_answers_are_not_even_with_retry_after(status: int) -> None:
    pipe = Pipe(in_turn((status, None, {"Retry-After": "5"}), OK))
    assert await pipe.status("PATCH") == status


async def test_retry_after_is_obeyed() -> None:
    pipe = Pipe(in_turn((503, None, {"Retry-After": "9"}), (429, None, {"retry-after-ms": "2500"}), OK))
    assert await pipe.status("PUT") == 200
    assert elapsed() == pytest.approx(11.5, abs=0.01)
    assert pipe.traffic.throttled == 1


async def test_a_429_holds_the_others_back_as_well() -> None:
    pipe = Pipe(in_turn((429, {"error": {"code": "SubscriptionRequestsThrottled"}}, {"Retry-After": "30"}), OK))
    refused = asyncio.create_task(pipe.status("PUT"))
    await asyncio.sleep(1)
    assert await pipe.status("PUT", VM.replace("vm-0", "vm-1")) == 200
    assert elapsed() == pytest.approx(30, abs=0.2)
    assert await refused == 200


async def test_patience_ends() -> None:
    pipe = Pipe(in_turn((503, None)))
    assert await pipe.status("GET") == 503
    assert pipe.traffic.by_method["GET"] == 10
    assert 200 < elapsed() < 500


async def test_a_lost_answer_is_asked_for_again() -> None:
    pipe = Pipe(in_turn(OK, LOST, LOST, OK))
    await pipe.status("GET")
    assert await pipe.status("PATCH") == 200
    assert pipe.traffic.by_method["PATCH"] == 3
    assert pipe.traffic.lost == 2


async def test_an_endpoint_that_never_answered_is_given_up_soon() -> None:
    pipe = Pipe(in_turn(ServiceRequestError("Cannot connect")))
    with pytest.raises(ServiceRequestError):
        await pipe.status("GET")
    assert len(pipe.wire.sent) == 4
    assert elapsed() < 20


@pytest.mark.parametrize("action", ["runCommand", "sendMessage"])
async def test_what_would_act_twice_is_not_sent_again_once_it_may_have_arrived(action: str) -> None:
    for answer in (LOST, ServiceRequestError("reset", error=aiohttp.ServerDisconnectedError())):
        pipe = Pipe(in_turn(answer, OK))
        with pytest.raises(type(answer)):
            await pipe.status("POST", f"{VM}/{action}")
        assert len(pipe.wire.sent) == 1
    for status in (500, 502, 504):
        pipe = Pipe(in_turn((status, None), OK))
        assert await pipe.status("POST", f"{VM}/{action}?api-version=1") == status


@pytest.mark.parametrize("action", ["runCommand", "sendMessage", "start"])
async def test_what_never_arrived_is_sent_again(action: str) -> None:
    refused = aiohttp.ClientConnectorError(
        aiohttp.client_reqrep.ConnectionKey("localhost", 1, True, True, None, None, None), OSError(111, "refused")
    )
    pipe = Pipe(in_turn(ServiceRequestError("refused", error=refused), (429, None), (503, None), OK))
    assert await pipe.status("POST", f"{VM}/{action}") == 200


async def test_actions_that_end_in_the_same_state_are_sent_again() -> None:
    pipe = Pipe(in_turn(LOST, OK))
    assert await pipe.status("POST", f"{VM}/deallocate") == 200


# -- the lease


async def test_no_write_passes_without_the_lease() -> None:
    pipe = Pipe(in_turn(OK), guard=read_only)
    for method in ("PUT", "PATCH", "POST", "DELETE"):
        with pytest.raises(LeaseLost):
            await pipe.status(method)
    assert pipe.wire.sent == []
    assert pipe.traffic.writes == 0
    assert await pipe.status("GET") == 200


async def test_actions_that_only_read_need_no_lease() -> None:
    pool = "https://localhost/subscriptions/s/x/hostPools/hp1"
    pipe = Pipe(in_turn(OK), guard=read_only)
    assert await pipe.status("POST", f"{pool}/retrieveRegistrationToken?api-version=1") == 200
    assert is_write(HttpRequest("POST", f"{pool}/sessionHosts/a/userSessions/1/sendMessage"))


async def test_the_lease_is_checked_again_before_a_write_is_sent_again() -> None:
    held = True

    def guard() -> None:
        if not held:
            raise LeaseLost("taken")

    def answer(request: HttpRequest) -> Answer:
        nonlocal held
        held = False
        return 503, None, {"Retry-After": "60"}

    pipe = Pipe(answer, guard)
    with pytest.raises(LeaseLost, match="taken"):
        await pipe.status("PATCH")
    assert len(pipe.wire.sent) == 1


async def test_the_lease_is_checked_after_the_wait_for_a_turn() -> None:
    checked: list[float] = []
    pipe = Pipe(in_turn(OK), guard=lambda: checked.append(elapsed()))
    pipe.throttle.learn("PUT", VM, 429, {"Retry-After": "50"})
    await pipe.status("PUT")
    assert checked == [pytest.approx(50, abs=0.01)]


# -- counting


async def test_every_exchange_is_told() -> None:
    pipe = Pipe(in_turn((503, None), OK))
    await pipe.status("GET", f"{VM}?t=signed&s=secret")
    assert [(e.method, e.path, e.status) for e in pipe.exchanges] == [
        ("GET", VM.removeprefix("https://localhost"), 503),
        ("GET", VM.removeprefix("https://localhost"), 200),
    ]


async def test_azures_time_is_learnt_from_answers() -> None:
    pipe = Pipe(in_turn((200, None, {"Date": "Mon, 12 Jan 2026 20:10:00 GMT"})))
    await pipe.status("GET")
    assert pipe.azure_time.now() == pytest.approx(EPOCH + 600.5, abs=0.51)


@pytest.mark.parametrize(("method", "answered"), [("PATCH", True), ("GET", False)])
async def test_who_is_cancelled_waits_for_the_answer_to_his_write(method: str, answered: bool) -> None:
    class Slow(Scripted):
        async def send(self, request: HttpRequest, **kwargs: Any) -> Any:
            await asyncio.sleep(3)
            return await super().send(request)

    wire = Slow(in_turn(OK))
    pipeline: AsyncPipeline[HttpRequest, Any] = AsyncPipeline(wire, [LeasePolicy(lambda: None)])
    task = asyncio.create_task(pipeline.run(HttpRequest(method, VM)))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (bool(wire.sent), elapsed()) == (answered, pytest.approx(3 if answered else 1, abs=0.01))


async def test_a_write_without_an_answer_does_not_hold_the_end_up_for_long() -> None:
    class Silent(Scripted):
        async def send(self, request: HttpRequest, **kwargs: Any) -> Any:
            await asyncio.Event().wait()

    pipeline: AsyncPipeline[HttpRequest, Any] = AsyncPipeline(Silent(in_turn(OK)), [LeasePolicy(lambda: None)])
    task = asyncio.create_task(pipeline.run(HttpRequest("PUT", VM)))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert elapsed() == pytest.approx(1 + LAST_ANSWER, abs=0.01)

"""What happens to each request on its way, as azure-core pipeline policies.

In order: Prepare (headers, decoding) -> Retry -> Throttle -> token -> Observe -> Lease -> the wire.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import aiohttp
from azure.core.exceptions import AzureError, IncompleteReadError, ServiceRequestError, ServiceResponseError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy, ContentDecodePolicy, UserAgentPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest

from cloud.clock import Chance, guid
from cloud.throttling import Throttle
from cloud.traffic import AzureTime, Exchange, Observer, Traffic, path_of
from cloud.waits import retry_after
from rollout.clock import Clock
from rollout.errors import LeaseLost

Request = PipelineRequest[HttpRequest]
Answer = PipelineResponse[HttpRequest, AsyncHttpResponse]

WriteGuard = Callable[[], None]
"""Raises LeaseLost when nothing may be written now."""

READ_ONLY_POSTS = ("/retrieveregistrationtoken", "/listregistrationtokens")
"""POST actions that change nothing."""
NOT_REPEATABLE = ("/runcommand", "/sendmessage")
"""POST actions that would act a second time; start, deallocate and powerOff end in the same state, and so do PUT, PATCH
and DELETE as we use them."""

LAST_ANSWER = 30.0
"""Real seconds that the answer to a write is waited for when its sender is cancelled: within the lease's margin."""

_SENT = "handed_to_transport"


class PreparePolicy(AsyncHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """What azure-core's policies for headers, request ids, user agent and decoding do, in one: as five they cost as
    much as the rest of a small request.

    Each request gets a GUID, by which Azure's support finds it. Answers are decoded as the SDK clients want them, save
    those to requests with the option `undecoded`: who reads the JSON anyway would have it parsed twice.
    """

    def __init__(self, headers: Mapping[str, str], user_agent: str, chance: Chance) -> None:
        super().__init__()
        self._headers, self._chance = {**headers, "User-Agent": UserAgentPolicy(user_agent).user_agent}, chance
        self._decoding: ContentDecodePolicy = ContentDecodePolicy()

    async def send(self, request: Request) -> Answer:
        headers = request.http_request.headers
        headers.update(self._headers)
        headers.setdefault("x-ms-client-request-id", guid(self._chance))
        undecoded = request.context.options.pop("undecoded", False)
        if not undecoded:
            self._decoding.on_request(request)
        response = await self.next.send(request)
        if not undecoded:
            self._decoding.on_response(request, response)
        return response


def read_only() -> None:
    """A write guard for connections that only look."""
    raise LeaseLost("this connection to Azure is for reading only: nothing may be written")


class LeasePolicy(AsyncHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Refuses any write that the guard does not allow, in the same synchronous step as the send.

    It is the last policy, after the retry policy, the throttle's wait and the token, so that a write that waited or is
    sent again is checked again. Whoever is cancelled while a write of his is on its way waits for the answer: a run
    that is told to stop leaves nothing behind that could land later.
    """

    def __init__(self, guard: WriteGuard) -> None:
        super().__init__()
        self._guard = guard

    async def send(self, request: Request) -> Answer:
        if not is_write(request.http_request):
            request.context[_SENT] = True
            return await self.next.send(request)
        sending = asyncio.ensure_future(self._checked(request))
        try:
            return await asyncio.shield(sending)
        except asyncio.CancelledError:
            await asyncio.wait({sending}, timeout=LAST_ANSWER)
            sending.cancel()
            raise

    async def _checked(self, request: Request) -> Answer:
        self._guard()
        request.context[_SENT] = True
        return await self.next.send(request)


def is_write(request: HttpRequest) -> bool:
    """Whether a request may change something."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return False
    return not (request.method == "POST" and path_of(request.url).lower().endswith(READ_ONLY_POSTS))


class ThrottlePolicy(AsyncHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Waits for the shared token bucket, and tells it what the answer says about limits."""

    def __init__(self, throttle: Throttle) -> None:
        super().__init__()
        self._throttle = throttle

    async def send(self, request: Request) -> Answer:
        method, url = request.http_request.method, request.http_request.url
        await self._throttle.wait_turn(method, url)
        response = await self.next.send(request)
        answer = response.http_response
        text = await _body(answer) if answer.status_code == 429 else ""
        self._throttle.learn(method, url, answer.status_code, answer.headers, text)
        return response


class ObservePolicy(AsyncHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Counts what is sent and learns Azure's time."""

    def __init__(self, clock: Clock, traffic: Traffic, azure_time: AzureTime, observer: Observer | None) -> None:
        super().__init__()
        self._clock, self._traffic, self._azure_time, self._observer = clock, traffic, azure_time, observer

    async def send(self, request: Request) -> Answer:
        sent, status = self._clock.now(), 0
        try:
            response = await self.next.send(request)
            status = response.http_response.status_code
            self._azure_time.learn(response.http_response.headers, sent, self._clock.now())
            return response
        finally:
            if request.context.get(_SENT):
                method = request.http_request.method
                self._traffic.count(method, status)
                if self._observer is not None:
                    path = path_of(request.http_request.url)
                    self._observer(Exchange(method, path, status, sent, self._clock.now() - sent))


class RetryPolicy(AsyncHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Sends again what Azure could not answer: throttled, 5xx, lost connections.

    Waits are the clock's and obey Retry-After. A request that would act twice is not sent again once it may have
    arrived. 5xx come with an empty body, and the same request passes 0 to 16 s later in 10 of 11 recorded cases
    (recordings error-503-transient-empty-body, error-5xx-variants). An endpoint that never answered yet gets
    `first_attempts` only: a wrong address is told soon, an outage is waited out.
    """

    def __init__(
        self,
        clock: Clock,
        chance: Chance,
        *,
        attempts: int = 10,
        first_attempts: int = 4,
        throttled_attempts: int = 60,
    ) -> None:
        super().__init__()
        self._clock = clock
        self._attempts, self._first_attempts, self._throttled_attempts = attempts, first_attempts, throttled_attempts
        self._chance = chance
        self._answered = False

    async def send(self, request: Request) -> Answer:
        repeatable = not path_of(request.http_request.url).lower().endswith(NOT_REPEATABLE)
        failures = throttled = 0
        while True:
            request.context[_SENT] = False
            try:
                response = await self.next.send(request)
            except (ServiceRequestError, ServiceResponseError, IncompleteReadError) as error:
                failures += 1
                limit = self._attempts if self._answered else self._first_attempts
                if failures >= limit or not (repeatable or _never_arrived(request, error)):
                    raise
                # Making a connection takes real time, however fast the clock runs.
                real = self._clock.real_seconds(self._backoff(failures))
                await asyncio.sleep(max(real, 0.05 * 2 ** (failures - 1)))
                continue
            self._answered = True
            status = response.http_response.status_code
            if status == 429:
                throttled += 1
                if throttled >= self._throttled_attempts:
                    return response
            elif status in ((503,) if not repeatable else (408, 500, 502, 503, 504)):
                failures += 1
                if failures >= self._attempts:
                    return response
            else:
                return response
            await _body(response.http_response)  # gives the connection back
            wait = retry_after(response.http_response.headers, self._clock)
            await self._clock.sleep(self._backoff(failures + throttled) if wait is None else wait)

    def _backoff(self, failures: int) -> float:
        """0.8, 1.6, 3.2 ... 60 s of the clock's time, each up to a quarter longer."""
        wait: float = min(60.0, 0.8 * 2 ** (failures - 1))
        return wait * (1 + 0.25 * self._chance.random())


async def _body(response: AsyncHttpResponse) -> str:
    """The text of an answer that may be a stream still, as the first answers of long-running operations are."""
    try:
        await response.read()
        return response.text()
    except AzureError:  # consumed already, or broken off
        return ""


def _never_arrived(request: Request, error: Exception) -> bool:
    """Whether Azure cannot have seen the request: it never reached the transport, or no connection was made."""
    if not request.context.get(_SENT):
        return True
    cause = getattr(error, "inner_exception", None)
    return isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)

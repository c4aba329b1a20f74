"""Long-running operations: waiting for their end on our clock, as Azure's answers ask.

The patterns are those of the recordings: PUT and PATCH of a VM answer with Azure-AsyncOperation only, actions and
deletes with Azure-AsyncOperation and Location, Network deletes may have Location only, some answers nothing but a
provisioningState. Status URLs are called as they came, since their query is signed. A status is HTTP 200 also for
Failed and Canceled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from azure.core import AsyncPipelineClient
from azure.core.pipeline import PipelineResponse
from azure.core.polling import AsyncPollingMethod
from azure.core.rest import AsyncHttpResponse, HttpRequest

from cloud.errors import from_answer, problem_in
from cloud.waits import retry_after
from rollout.azure import Body
from rollout.clock import Clock, from_iso
from rollout.errors import OperationFailed
from rollout.poll_times import ENOUGH, PollTimes, kind_of, pause
from rollout.urgency import Urgency, urgency

_ENDED = frozenset({"succeeded", "failed", "canceled"})
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
_LOST = frozenset({400, 403, 404, 410})
"""Answers of a status URL that will not get better: it expired, or the role may not read it."""
_LEAST_REAL = 0.02
"""Real seconds between two polls that no answer asked for: compressed time must not become a busy loop."""


class OperationPolling(AsyncPollingMethod[Body | None]):
    """Waits for one operation; what an SDK's `begin_...` takes as `polling`.

    The result is the operation's output (`properties.output`) after a POST, None after a DELETE; after a PUT or PATCH
    the resource as the answers had it, which where there was a status to follow is none: who wants it reads it. As REST
    bodies, without the SDK's models. Raises OperationFailed with the operation's own code.
    429 and 5xx on a status poll mean nothing for the operation, which goes on. When the status URL is lost, the
    resource itself tells the end by its provisioningState, as it does for a process that finds an operation under way.
    """

    def __init__(self, clock: Clock, operation: str, poll_times: PollTimes, scarcity: Callable[[], float]) -> None:
        self._clock = clock
        self._operation, self._kind = operation, kind_of(operation)
        self._poll_times, self._scarcity = poll_times, scarcity
        self._started, self._polls = clock.now(), 0
        self._status = "InProgress"
        self._result: Body | None = None
        self._client: AsyncPipelineClient[HttpRequest, AsyncHttpResponse]
        self._initial: AsyncHttpResponse

    # -- what AsyncLROPoller calls

    def initialize(self, client: Any, initial_response: Any, deserialization_callback: Any) -> None:
        answer: PipelineResponse[HttpRequest, AsyncHttpResponse] = initial_response
        self._client, self._initial = client, answer.http_response

    def status(self) -> str:
        return self._status

    def finished(self) -> bool:
        return self._status.lower() in _ENDED

    def resource(self) -> Body | None:
        return self._result

    def get_continuation_token(self) -> str:
        """None is needed: another process reads the resource instead."""
        return ""

    async def run(self) -> None:
        first = self._initial
        body = _json(first)
        method = first.request.method
        state = _provisioning_state(body)
        status_url = first.headers.get("Azure-AsyncOperation")
        at_once = state.lower() in _ENDED or (not state and not status_url)
        if method in ("PUT", "PATCH") and first.status_code != 202 and at_once:
            # NIC writes answer "Succeeded" at once, though some carry a status URL (recording network-nic-lifecycle).
            self._end(state or "Succeeded", body)
            self._result = body
            return
        if status_url:
            ended = await self._follow_status(status_url)
        elif first.status_code == 202 and (location := first.headers.get("Location")):
            ended = await self._follow_location(location)
        elif first.status_code == 202 or method in ("PUT", "PATCH"):
            ended = None
        else:
            ended = body or {}
        if ended is None:
            await self._follow_resource()
        elif method == "POST":
            self._result = ended.get("properties", {}).get("output") if "status" in ended else ended
        self._status = "Succeeded"
        took = _duration(ended or {})
        self._poll_times.learn(
            self._kind, took or self._clock.now() - self._started, at_first_look=not took and self._polls == 1
        )

    # -- ways to wait

    async def _follow_status(self, url: str) -> Body | None:
        """The status body at the operation's end, or None when the URL is lost."""
        last = self._initial
        while True:
            await self._wait(last)
            last = await self._client.send_request(HttpRequest("GET", url))
            if last.status_code in _TRANSIENT:
                continue
            if last.status_code in _LOST:
                return None
            body = _json(last) or {}
            status = str(body.get("status") or "")
            if status.lower() in _ENDED:
                self._end(status, body)
                return body

    async def _follow_location(self, url: str) -> Body | None:
        """The body at the operation's end (202 means that it runs), or None when the URL is lost."""
        last = self._initial
        while True:
            await self._wait(last)
            last = await self._client.send_request(HttpRequest("GET", url))
            if last.status_code == 202:
                url = last.headers.get("Location") or url
            elif last.status_code in _LOST:
                return None
            elif last.status_code not in _TRANSIENT:
                if last.status_code >= 400:
                    error = from_answer(last.status_code, last.text(), self._operation)
                    raise OperationFailed(error.status, error.code, error.message, self._operation)
                return _json(last) or {}

    async def _follow_resource(self) -> None:
        """Read the resource until its provisioningState has settled; a DELETE has ended when it is gone."""
        deleting = self._initial.request.method == "DELETE"
        last, settled = self._initial, 0
        while True:
            await self._wait(last)
            last = await self._client.send_request(HttpRequest("GET", self._resource_url()))
            if last.status_code in _TRANSIENT:
                continue
            if last.status_code == 404 and deleting:
                return
            if last.status_code >= 400:
                raise from_answer(last.status_code, last.text(), self._operation)
            body = _json(last) or {}
            state = _provisioning_state(body) or "Succeeded"
            if state.lower() not in _ENDED:
                settled = 0
                continue
            if not deleting:
                self._end(state, body)
                self._result = body if self._initial.request.method in ("PUT", "PATCH") else None
                return
            settled += 1
            if settled == 3:  # the operation is over and the resource is still there
                raise OperationFailed(
                    200, "DeleteFailed", f"still there, {state}, after its status was lost", self._operation
                )

    # -- details

    def _resource_url(self) -> str:
        """The URL of the resource that was written: the request's, without an action's verb."""
        request = self._initial.request
        if request.method != "POST":
            return request.url
        head, mark, query = request.url.partition("?")
        version = next((part for part in query.split("&") if part.lower().startswith("api-version=")), query)
        return head.rpartition("/")[0] + mark + version

    async def _wait(self, last: AsyncHttpResponse) -> None:
        """As long as the last answer asks at least, and until it is worth asking (`poll_times.pause`)."""
        asked = retry_after(last.headers, self._clock) or 0.0  # some recordings have Retry-After: 0
        seen = self._poll_times.seen(self._kind)
        if not asked or len(seen) >= ENOUGH:
            passed, urgent = self._clock.now() - self._started, urgency.get() <= Urgency.OUT
            wanted = pause(seen, passed, urgent=urgent, scarcity=self._scarcity())
            asked = max(asked, wanted, _LEAST_REAL / self._clock.real_seconds(1.0))
        self._polls += 1
        await self._clock.sleep(asked)

    def _end(self, status: str, body: Body | None) -> None:
        self._status = status
        if status.lower() == "succeeded":
            return
        problem = problem_in((body or {}).get("error"))
        code, message = problem.code, problem.message
        if not code:
            code, message = _instance_failure(body or {}) or (status, "the operation ended without an explanation")
        raise OperationFailed(200, code, message, self._operation)


def _duration(status: Body) -> float:
    """Seconds an operation took by its own account (Compute gives start and end), else 0."""
    try:
        return from_iso(status["endTime"]) - from_iso(status["startTime"])
    except (KeyError, ValueError, AttributeError):
        return 0.0


def _json(response: AsyncHttpResponse) -> Body | None:
    if not response.content:
        return None
    body = response.json()
    return body if isinstance(body, dict) else None


def _provisioning_state(body: Body | None) -> str:
    properties = (body or {}).get("properties")
    return str(properties.get("provisioningState") or "") if isinstance(properties, dict) else ""


def _instance_failure(body: Body) -> tuple[str, str] | None:
    """Code and message of `ProvisioningState/failed/<code>` in a VM's instance view."""
    view = (body.get("properties") or {}).get("instanceView") or {}
    for status in view.get("statuses") or []:
        parts = str(status.get("code") or "").split("/")
        if parts[:2] == ["ProvisioningState", "failed"] and len(parts) > 2:
            return parts[2], str(status.get("message") or status.get("displayStatus") or "")
    return None

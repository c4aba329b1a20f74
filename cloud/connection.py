"""One connection to Azure: the pipeline that every request of a rollout takes, and the SDK clients on top of it.

Reads of Compute, Network and AVD resources go by id through the ARM pipeline client and stay the JSON they are: a read
through the SDK's models costs five times the CPU (0.34 against 0.07 ms for a VM) and drops what the models do not know,
which counts with thousands of hosts. Writes go through the SDK clients, as do the rarer reads.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import IO, TYPE_CHECKING, Any, cast

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.pipeline import AsyncPipeline, PipelineResponse
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.mgmt.core import AsyncARMPipelineClient
from azure.mgmt.core.policies import AsyncARMChallengeAuthenticationPolicy

from cloud.clock import Chance, guid
from cloud.endpoints import Endpoints
from cloud.errors import from_answer, translated
from cloud.ids import short
from cloud.long_running import OperationPolling
from cloud.policies import (
    LeasePolicy,
    ObservePolicy,
    PreparePolicy,
    RetryPolicy,
    ThrottlePolicy,
    WriteGuard,
)
from cloud.throttling import Throttle
from cloud.traffic import AzureTime, Observer, Traffic
from cloud.transport import Transport
from rollout.azure import Body
from rollout.clock import Clock
from rollout.poll_times import PollTimes

if TYPE_CHECKING:  # imported when first used: together a second of imports that a preview does not need
    from azure.mgmt.authorization.v2022_04_01.aio import AuthorizationManagementClient
    from azure.mgmt.compute.aio import ComputeManagementClient
    from azure.mgmt.desktopvirtualization.aio import DesktopVirtualizationMgmtClient
    from azure.mgmt.network.aio import NetworkManagementClient
    from azure.mgmt.resource.resources.aio import ResourceManagementClient

USER_AGENT = "avd-hostpool-image-update"


class Connection:
    """What the parts of `AzureCloud` share."""

    def __init__(
        self,
        *,
        endpoints: Endpoints,
        credential: AsyncTokenCredential,
        transport: Transport,
        clock: Clock,
        throttle: Throttle,
        write_guard: WriteGuard,
        chance: Chance,
        observer: Observer | None = None,
    ) -> None:
        self.endpoints, self.credential, self.transport, self.clock = endpoints, credential, transport, clock
        self.throttle, self.write_guard, self.observer, self.chance = throttle, write_guard, observer, chance
        self.traffic, self.azure_time, self.poll_times = Traffic(), AzureTime(clock), PollTimes()
        self.correlation_id = guid(chance)
        """Sent as x-ms-correlation-request-id: the activity log shows the calls of one rollout together."""
        self.pipeline = self.new_pipeline(
            AsyncARMChallengeAuthenticationPolicy(credential, endpoints.scope),
            ThrottlePolicy(throttle),
            self.azure_time,
        )
        self.arm: AsyncARMPipelineClient[HttpRequest, AsyncHttpResponse] = AsyncARMPipelineClient(
            base_url=endpoints.resource_manager, pipeline=self.pipeline, policies=[]
        )
        # One client per subscription: a gallery or a network may be in another than the pool.
        self.compute: Callable[[str], ComputeManagementClient] = cache(self._compute)
        self.network: Callable[[str], NetworkManagementClient] = cache(self._network)
        self.avd: Callable[[str], DesktopVirtualizationMgmtClient] = cache(self._avd)
        self.authorization: Callable[[str], AuthorizationManagementClient] = cache(self._authorization)
        self.resources: Callable[[str], ResourceManagementClient] = cache(self._resources)

    def new_pipeline(
        self, token: Any, throttle: ThrottlePolicy | None = None, azure_time: AzureTime | None = None
    ) -> AsyncPipeline[HttpRequest, AsyncHttpResponse]:
        """A pipeline for one audience. Logging policies are left out: they cost, and could print secrets."""
        policies = [
            PreparePolicy({"x-ms-correlation-request-id": self.correlation_id}, USER_AGENT, self.chance),
            RetryPolicy(self.clock, self.chance),
            *([throttle] if throttle else []),
            token,
            ObservePolicy(self.clock, self.traffic, azure_time or AzureTime(self.clock), self.observer),
            LeasePolicy(self.write_guard),
        ]
        return AsyncPipeline(self.transport, policies)

    # -- reads

    async def get(self, resource_id: str, api_version: str, **query: str) -> Body | None:
        """The resource as GET returns it, or None when there is none. An `ETag` header becomes `etag` of the body."""
        with translated(f"GET {short(resource_id)}"):
            response = await self._send(resource_id, api_version, query)
        if response.status_code == 404:
            return None
        body: Body = self._body(response, f"GET {short(resource_id)}")
        etag = response.headers.get("ETag")
        if etag and "etag" not in body:
            body["etag"] = etag
        return body

    async def list(self, collection_id: str, api_version: str, **query: str) -> list[Body]:
        """All pages of a collection; empty when what holds it does not exist."""
        operation = f"GET {short(collection_id)}"
        found: list[Body] = []
        with translated(operation):
            response = await self._send(collection_id, api_version, query)
            if response.status_code == 404:
                return found
            while True:
                page = self._body(response, operation)
                if isinstance(page, list):  # platform images are answered bare
                    return page
                found.extend(page.get("value") or [])
                if not page.get("nextLink"):
                    return found
                response = await self.arm.send_request(HttpRequest("GET", page["nextLink"]), undecoded=True)

    async def _send(self, resource_id: str, api_version: str, query: Mapping[str, str]) -> AsyncHttpResponse:
        url = self.endpoints.resource_manager + resource_id
        request = HttpRequest("GET", url, params={**query, "api-version": api_version})
        return await self.arm.send_request(request, undecoded=True)

    @staticmethod
    def _body(response: AsyncHttpResponse, operation: str) -> Any:
        if response.status_code >= 400:
            raise from_answer(response.status_code, response.text(), operation)
        return response.json()

    # -- SDK operations

    async def call(self, operation: str, method: Callable[..., Awaitable[Any]], *arguments: Any, **options: Any) -> Any:
        """The JSON that a synchronous operation of an SDK client answers, None for an empty body. `operation` is how
        errors name it."""
        with translated(operation):
            return await method(*arguments, cls=_json, **options)

    async def run(self, operation: str, begin: Callable[..., Awaitable[Any]], *arguments: Any, **options: Any) -> Any:
        """Start a long-running operation of an SDK client and wait for its end; `OperationPolling` says what comes
        back."""
        with translated(operation):
            polling = OperationPolling(self.clock, operation, self.poll_times, self.throttle.scarcity)
            poller = await begin(*arguments, polling=polling, **options)
            return await poller.result()

    # -- clients

    def _options(self) -> dict[str, Any]:
        return {
            "base_url": self.endpoints.resource_manager,
            "credential_scopes": [self.endpoints.scope],
            "pipeline": self.pipeline,
        }

    def _compute(self, subscription: str) -> ComputeManagementClient:
        from azure.mgmt.compute.aio import ComputeManagementClient

        return ComputeManagementClient(self.credential, subscription, **self._options())

    def _network(self, subscription: str) -> NetworkManagementClient:
        from azure.mgmt.network.aio import NetworkManagementClient

        return NetworkManagementClient(self.credential, subscription, **self._options())

    def _avd(self, subscription: str) -> DesktopVirtualizationMgmtClient:
        from azure.mgmt.desktopvirtualization.aio import DesktopVirtualizationMgmtClient

        return DesktopVirtualizationMgmtClient(self.credential, subscription, **self._options())

    def _authorization(self, subscription: str) -> AuthorizationManagementClient:
        from azure.mgmt.authorization.v2022_04_01.aio import AuthorizationManagementClient

        return AuthorizationManagementClient(self.credential, subscription, **self._options())

    def _resources(self, subscription: str) -> ResourceManagementClient:
        from azure.mgmt.resource.resources.aio import ResourceManagementClient

        return ResourceManagementClient(self.credential, subscription, **self._options())


def import_for_pre_checks() -> None:
    """Import the clients that pre-checks read with (0.2 s), in a thread beside the reads that come before them."""
    import azure.keyvault.secrets.aio
    import azure.mgmt.authorization.v2022_04_01.aio  # noqa: F401


def _json(response: PipelineResponse[HttpRequest, AsyncHttpResponse], model: object, headers: object) -> Any:
    """The `cls` of an SDK operation: the answer's JSON in place of a model."""
    answer = response.http_response
    return answer.json() if answer.content else None


def content(body: Mapping[str, Any]) -> IO[bytes]:
    """A REST body for an SDK operation, which sends bytes as they are: no model drops what it does not know. The
    operations take bytes where they declare IO[bytes], and bytes can be sent again."""
    return cast("IO[bytes]", json.dumps(body).encode())

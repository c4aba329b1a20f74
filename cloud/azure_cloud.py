"""Azure, as the engine asks for it: the parts of `rollout.azure.Azure` joined over one connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager

from azure.core.credentials_async import AsyncTokenCredential

from cloud.authorization import AuthorizationOperations
from cloud.clock import Chance, real_chance
from cloud.compute import ComputeOperations
from cloud.connection import Connection
from cloud.credential import credential_from, settings_from
from cloud.desktop_virtualization import DesktopVirtualizationOperations
from cloud.endpoints import Endpoints, discover
from cloud.graph import GraphOperations
from cloud.image_versions import ImageVersionOperations
from cloud.images import ImageOperations
from cloud.key_vault import KeyVaultOperations
from cloud.log_ingestion import LogIngestionOperations
from cloud.network import NetworkOperations
from cloud.policies import WriteGuard
from cloud.resources import ResourceOperations
from cloud.rolling_upgrades import RollingUpgradeOperations
from cloud.run_commands import RunCommandOperations
from cloud.scale_sets import ScaleSetOperations
from cloud.snapshots import SnapshotOperations
from cloud.throttling import Throttle, shared_throttle
from cloud.traffic import Observer, Traffic
from cloud.transport import Transport, open_transport
from rollout.clock import Clock


class AzureCloud(
    ComputeOperations,
    RunCommandOperations,
    ImageOperations,
    ImageVersionOperations,
    SnapshotOperations,
    ScaleSetOperations,
    RollingUpgradeOperations,
    NetworkOperations,
    DesktopVirtualizationOperations,
    AuthorizationOperations,
    ResourceOperations,
    KeyVaultOperations,
    GraphOperations,
    LogIngestionOperations,
):
    """Implements `rollout.azure.Azure`, `capture.azure.CaptureAzure` and `os_upgrades.azure.ScaleSetAzure`.
    `subscription_id` is that of what is worked on: catalog reads (sizes, quota, platform images) are made there;
    everything with an id goes to the subscription in the id."""

    def __init__(self, connection: Connection, subscription_id: str) -> None:
        self.connection, self.subscription_id = connection, subscription_id
        self._vaults = {}
        self._ingestion = {}

    def azure_time(self) -> float:
        """Azure's time now, epoch seconds: the clock corrected by the Date headers seen so far."""
        return self.connection.azure_time.now()

    def scarcity(self) -> float:
        """How scarce the reads are that Azure grants, from 0 to 1."""
        return self.connection.throttle.scarcity()

    def room(self) -> int:
        """How many more hosts Azure's limits leave room for."""
        return self.connection.throttle.room()

    def hosts_an_hour(self) -> float:
        """How many hosts Azure's limits carry in an hour."""
        return self.connection.throttle.hosts_an_hour()

    def under_way(self) -> AbstractContextManager[None]:
        """Open while a host is under way."""
        return self.connection.throttle.pace.host()

    @property
    def traffic(self) -> Traffic:
        """What was sent so far, for reports."""
        return self.connection.traffic


@asynccontextmanager
async def open_cloud(
    environment: Mapping[str, str],
    subscription_id: str,
    clock: Clock,
    write_guard: WriteGuard,
    *,
    transport: Transport | None = None,
    credential: AsyncTokenCredential | None = None,
    endpoints: Endpoints | None = None,
    throttle: Throttle | None = None,
    observer: Observer | None = None,
    chance: Chance | None = None,
) -> AsyncIterator[AzureCloud]:
    """A connection with what the environment names: endpoints, credential, certificate authority.

    `write_guard` is called before every write and raises LeaseLost where none may be sent (`policies.read_only` for
    connections that only look). The rest is taken from the environment unless given: a transport and a credential make
    a connection without sockets. Nothing is sent here except to ARM_METADATA_HOSTNAME.

    Raises Unreachable or InvalidDeclaration, each naming the variable at fault.
    """
    async with AsyncExitStack() as stack:
        if transport is None:
            transport = await stack.enter_async_context(open_transport(environment))
        places = endpoints or await discover(environment, transport)
        principal = "given"
        if credential is None:
            principal = settings_from(environment).client_id
            credential = credential_from(environment, places, transport)
            stack.push_async_callback(credential.close)
        connection = Connection(
            endpoints=places,
            credential=credential,
            transport=transport,
            clock=clock,
            throttle=throttle or shared_throttle(places.resource_manager, principal, clock),
            write_guard=write_guard,
            chance=chance or real_chance(),
            observer=observer,
        )
        yield AzureCloud(connection, subscription_id)

"""All sinks that a declaration and the environment ask for, as one listener."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from cloud.notifier import notifying
from rollout.audit import Audit
from rollout.azure import Azure
from rollout.clock import Clock
from rollout.declaration import Declaration
from rollout.events import Event, Listener
from rollout.notices import Teller
from sinks import traces
from sinks.audit_log import AuditFile, AuditLog
from sinks.caller import caller


@asynccontextmanager
async def listeners(
    azure: Azure,
    declaration: Declaration,
    *,
    clock: Clock,
    who: str,
    folder: Path,
    environment: Mapping[str, str],
    warn: Callable[[str], None],
) -> AsyncIterator[Teller]:
    """Open around a run; what comes is a listener for `rollout.run`. `who` holds the lease, `folder` has the logs.

    Nothing that goes wrong in a sink reaches the run: `warn` is told, once for each of them.
    """
    pool_id, pool_name = declaration.host_pool_id, declaration.pool_name
    file = AuditFile(folder, pool_name)
    audit = Audit(pool_id, **caller(who, environment))
    async with AsyncExitStack() as stack:
        found: list[Listener] = []
        # Entered first, left last: it sends the row that the audit log writes when it is left.
        if declaration.log_analytics is not None:
            from sinks.log_analytics import LogAnalyticsSink

            sink = LogAnalyticsSink(azure, declaration.log_analytics, file, warn)
            found.append(await stack.enter_async_context(sink))
        found.insert(0, stack.enter_context(AuditLog(file, audit, clock, warn)))
        people = await stack.enter_async_context(notifying(azure, declaration, warn))
        found.append(people)
        if traces.is_wanted(environment, warn):
            spans = traces.Traces(pool_id, lambda trace_id: traces.otlp_provider(trace_id, warn))
            found.append(await stack.enter_async_context(spans))

        yield _All(found, people, warn)


class _All:
    """Tells each of them. One that fails is told nothing more: a defect of a sink is not one of the rollout."""

    def __init__(self, found: list[Listener], people: Teller, warn: Callable[[str], None]) -> None:
        self._found, self._people, self._warn = found, people, warn

    def __call__(self, event: Event) -> None:
        for listener in tuple(self._found):
            try:
                listener(event)
            except Exception as error:
                self._found.remove(listener)
                name = type(listener).__name__
                self._warn(f"{name} failed and is told nothing more: {type(error).__name__}: {error}")

    async def sent(self) -> None:
        """Until people were told all, or it was tried."""
        await self._people.sent()

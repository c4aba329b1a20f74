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
) -> AsyncIterator[Listener]:
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
        found.append(await stack.enter_async_context(notifying(azure, declaration, warn)))
        if traces.is_wanted(environment, warn):
            spans = traces.Traces(pool_id, lambda trace_id: traces.otlp_provider(trace_id, warn))
            found.append(await stack.enter_async_context(spans))

        def tell(event: Event) -> None:
            for listener in tuple(found):
                try:
                    listener(event)
                except Exception as error:  # a defect of a sink is not one of the rollout
                    found.remove(listener)
                    warn(f"{type(listener).__name__} failed and is told nothing more: {type(error).__name__}: {error}")

        yield tell

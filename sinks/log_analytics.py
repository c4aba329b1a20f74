"""Sends the audit log to Log Analytics: what its file holds and was not sent yet, in order, in the background.

The file is the outbox. Which of its rows was sent last is kept beside it (`<pool>.audit.sent`), so that the next run on
this machine sends what an unreachable endpoint or a crash left behind. A row can arrive twice where the answer to a
request was lost, or where two machines tell the same event: it has the same `EventId` then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from rollout.azure import Azure
from rollout.errors import AzureError
from rollout.events import Event
from rollout.log_analytics import LogAnalytics
from sinks.audit_log import AuditFile

SETTLE = 5.0
"""Real seconds for which rows are gathered."""
AGAIN_AFTER = 60.0
"""Real seconds between two tries while the endpoint does not answer."""
AT_ONCE = 200
"""Rows of one request. The service takes 1 MB (learn.microsoft.com/azure/azure-monitor/fundamentals/service-limits),
and a row has a few kB at most."""
PATIENCE = 15.0
"""Real seconds in which the last rows must be sent."""


class LogAnalyticsSink:
    """A listener of the engine, told of each event after the audit log; `async with` it around the run. `warn` is told
    what could not be done."""

    def __init__(self, azure: Azure, declared: LogAnalytics, file: AuditFile, warn: Callable[[str], None]) -> None:
        self._azure, self._declared, self._file, self._warn = azure, declared, file, warn
        self._offset = 0
        self._something, self._ending = asyncio.Event(), asyncio.Event()
        self._warned = False
        self._sender: asyncio.Task[None]

    def __call__(self, event: Event) -> None:
        self._something.set()

    async def __aenter__(self) -> LogAnalyticsSink:
        try:
            self._begin()
        except OSError as error:
            self._tell(f"{self._mark} cannot be used: {error.strerror or error}")
        self._sender = asyncio.create_task(self._work(), name="log analytics")
        return self

    async def __aexit__(self, *raised: object) -> None:
        self._ending.set()
        self._something.set()
        done, _ = await asyncio.wait({self._sender}, timeout=PATIENCE)
        if not done:
            self._tell(f"they did not take the last rows in {PATIENCE:g} s; the next run sends them")
            self._sender.cancel()
        await asyncio.gather(self._sender, return_exceptions=True)

    @property
    def _mark(self) -> Path:
        return self._file.path.with_suffix(".sent")

    def _begin(self) -> None:
        """Go on behind the row that was sent last; where none ever was, only what is new is sent."""
        if self._mark.exists():
            self._offset = self._file.behind(self._mark.read_text(encoding="utf-8").strip())
            return
        rows, self._offset = self._file.after(0)
        self._note(str(rows[-1]["EventId"]) if rows else "")

    def _note(self, event_id: str) -> None:
        self._mark.parent.mkdir(parents=True, exist_ok=True)
        self._mark.write_text(event_id + "\n", encoding="utf-8")

    async def _work(self) -> None:
        while not self._ending.is_set():
            await self._something.wait()
            self._something.clear()
            await self._until_the_end(SETTLE)
            if not await self._send_rest():
                await self._until_the_end(AGAIN_AFTER)
                self._something.set()
        await self._send_rest()

    async def _until_the_end(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._ending.wait()
        except TimeoutError:
            pass

    async def _send_rest(self) -> bool:
        """Whether all that the file holds is sent."""
        declared = self._declared
        try:
            rows, behind = self._file.after(self._offset)
            for start in range(0, len(rows), AT_ONCE):
                batch = rows[start : start + AT_ONCE]
                await self._azure.upload_logs(declared.endpoint, declared.rule_id, declared.stream, batch)
                last = str(batch[-1].get("EventId"))
                self._note(last)
                self._offset = behind if start + AT_ONCE >= len(rows) else self._file.behind(last)
            return True
        except AzureError as error:
            remedy = ""
            if error.status == 403:
                remedy = "; give the updater the role Monitoring Metrics Publisher on the data collection rule"
            self._tell(f"{declared.endpoint} answered {error.status} {error.code}{remedy}")
        except Exception as error:  # whatever the client raises must not reach the rollout
            self._tell(f"{type(error).__name__}")
        return False

    def _tell(self, text: str) -> None:
        """Once: an endpoint that is down must not fill the display."""
        if not self._warned:
            self._warned = True
            self._warn(f"log_analytics: rows were not sent: {text}")

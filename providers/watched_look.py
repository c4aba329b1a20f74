"""What a preview or a refresh sees of a watched upgrade, and the log that a run keeps."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloud.azure_cloud import open_cloud
from cloud.clock import clock_from
from cloud.policies import WriteGuard
from os_upgrades.upgrade_events import rollout_of
from providers.engine_log import EngineLog
from providers.failure import one_line
from providers.preview import PATIENCE
from providers.progress import EVERY, EVERY_IN_LOG, Progress
from providers.rolling import DEFAULT_LOG_FOLDER, LOG_FOLDER
from providers.validation import Problem
from rollout.arm import name_of, subscription_of
from rollout.errors import AzureError, InvalidDeclaration
from rollout.events import Event, EventLog, Kind, log_path

if TYPE_CHECKING:
    from cloud.azure_cloud import AzureCloud


@dataclass(frozen=True)
class Look:
    """What was seen."""

    plan: Mapping[str, str] = field(default_factory=dict)
    """Member -> `1.0.0 -> 1.0.1`, of those that need the upgrade."""
    state: str = ""
    failures: tuple[Problem, ...] = ()
    warning: str = ""
    problem: str = ""
    """Why Azure could not be asked."""
    gone: bool = False
    outputs: Mapping[str, Any] = field(default_factory=dict)
    """Outputs that a refresh reads anew."""


async def patiently(work: Awaitable[Look], *, refresh: bool) -> Look:
    """What the work sees. Raises nothing that Azure or the declaration is the reason of; a refresh judges no rule."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await work
    except TimeoutError:
        return Look(problem=offline(f"no answer in {PATIENCE:g} s"))
    except InvalidDeclaration as error:
        if refresh:
            return Look(problem=offline(error))
        return Look(failures=(Problem(error.prop, one_line(str(error))),))
    except AzureError as error:
        return Look(problem=offline(error))


def offline(error: Exception | str) -> str:
    return one_line(f"Azure could not be asked, so it is not known what is to be done: {error}")


class Watched:
    """The listener of a run: the live line in Pulumi's display, and the event log, once there is something to log."""

    def __init__(self, log: EngineLog, resource_id: str, member: str) -> None:
        self._log, self._id = log, resource_id
        self._progress = Progress(log, every=EVERY_IN_LOG if os.environ.get("CI") else EVERY, what=member)
        self._file: EventLog | None = None

    def __call__(self, event: Event) -> None:
        if event.kind is Kind.STARTED:
            folder = Path(os.environ.get(LOG_FOLDER) or DEFAULT_LOG_FOLDER)
            rollout = rollout_of(self._id, str(event.data["version"]))
            self._file = EventLog(log_path(folder, name_of(self._id), rollout, 1))
        if event.kind is Kind.ACTION:
            self._log.info(event.text)
        self._progress(event)
        if self._file is not None:
            self._file(event)

    @property
    def report(self) -> str:
        """Path of the event log; empty where nothing was to be done."""
        return str(self._file.path) if self._file is not None else ""

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


@contextmanager
def watched(log: EngineLog, resource_id: str, member: str) -> Iterator[Watched]:
    listener = Watched(log, resource_id, member)
    try:
        yield listener
    finally:
        listener.close()


def anything() -> None:
    """A write guard without a lease: Azure lets one rolling upgrade run at a time, and a second start is refused."""


@asynccontextmanager
async def cloud(resource_id: str, guard: WriteGuard) -> AsyncIterator[AzureCloud]:
    async with open_cloud(os.environ, subscription_of(resource_id), clock_from(os.environ), guard) as azure:
        yield azure

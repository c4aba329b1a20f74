"""What one run of a rollout knows, what it says, and why nothing new begins in it any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rollout import pool_record, presence
from rollout.admission import Order, Stage
from rollout.azure import Azure
from rollout.canary_watch import CanaryWatch
from rollout.clock import Clock
from rollout.declaration import Declaration
from rollout.errors import AzureError, LeaseLost
from rollout.events import Event, EventLog, Kind, Listener, log_path, read_log
from rollout.host_work import HostWork
from rollout.images import Image
from rollout.lease import Lease
from rollout.limits import Figures
from rollout.observation import Pool
from rollout.pool_record import RolloutRecord
from rollout.pool_watch import PoolWatch
from rollout.report import build, write_json
from rollout.scheduling import Scheduling
from rollout.standings import Standings
from rollout.window_watch import WindowWatch


class Run:
    """One run. `only`: the one host that is rebuilt; `abort`: who ends the attempt."""

    def __init__(
        self,
        azure: Azure,
        declaration: Declaration,
        inputs: Mapping[str, Any],
        clock: Clock,
        lease: Lease,
        listener: Listener,
        log_folder: Path,
        only: str | None,
        order: Order,
        abort: str,
    ) -> None:
        self.azure, self.declaration, self.inputs = azure, declaration, inputs
        self.clock, self.lease, self.only, self.order, self.abort = clock, lease, only, order, abort
        self._listener, self._log_folder = listener, log_folder
        self._log: EventLog | None = None
        self._before_log: list[Event] = []
        self.window = WindowWatch(declaration, always=only is not None or bool(abort))
        self.scheduling = Scheduling(azure, declaration, inputs, lease, self.say)
        self.pool: Pool
        self.image: Image
        self.record: RolloutRecord
        self.watch: PoolWatch
        self.works: Sequence[HostWork] = ()
        self.by_name: Mapping[str, HostWork] = {}
        self.standings: Standings
        self.canary: CanaryWatch
        self.figures: Figures
        self.paused_by = ""
        self.stopping = ""
        """Why nothing new begins; empty while the rollout goes on."""
        self.waits_for = ""
        """What comes before this run may go on, which then ends as declared."""
        self.ready = False
        """The disks are there that were built ahead of a window, and the run has ended for that."""
        self.alarm = ""
        """What was found when people come, where too few hosts served."""
        self.users = presence.Count()

    @property
    def done(self) -> int:
        """Hosts of this attempt that are updated."""
        return self.canary.done(self.standings)

    @property
    def log_path(self) -> str:
        """Of the event log; empty before there is one."""
        return str(self._log.path) if self._log is not None else ""

    def last(self, what: str, why: str) -> str:
        """The pool's tag about what was done last."""
        return pool_record.last(self.azure.azure_time(), what, self.lease.owner, why)

    # -- nothing new begins

    def pause(self, who: str, *, goes_on: str = "") -> None:
        """The attempt is to go on later; the first who pauses it counts. Nobody (empty) changes nothing."""
        if who and not self.paused_by and not self.stopping:
            self.paused_by = who
            self.say(Kind.PAUSED, f"paused by {who}", goes_on=goes_on, done=self.done, of=self.record.n)
            self.give_back("paused")

    def stop(self, why: str, give_back: str) -> None:
        """The attempt ends with what is out. `give_back` is told of the hosts that still serve."""
        self.stopping = why
        self.give_back(give_back)

    def give_back(self, why: str) -> None:
        """Hosts that still serve leave the run; those that are out finish."""
        for work in self.works:
            if work.task is not None and work.stage < Stage.OUT:
                work.give_back(why)

    # -- what is said

    def open_log(self) -> None:
        self._log = EventLog(log_path(self._log_folder, self.pool.name, self.record.r, self.record.a))
        for event in self._before_log:
            self._log(replace(event, time=self.clock.now()))  # the pre-checks, told before there was a log

    def say(self, kind: Kind, text: str = "", **data: Any) -> None:
        """Tell something of the whole pool."""
        self.tell(Event(self.clock.now(), kind, "", text, data))

    def tell(self, event: Event) -> None:
        if event.kind is Kind.USER:
            self.users.note(str(event.data.get("user")), str(event.data.get("what")), event.host)
        if self._log is not None:
            self._log(event)
        else:
            self._before_log.append(event)
        self._listener(event)

    async def let_go(self) -> None:
        """Give the lease back, and close the log with its report."""
        try:
            await self.lease.release()
        except (AzureError, LeaseLost):
            pass  # it ends by itself
        finally:
            if self._log is not None:
                self._log.close()
                write_json(build(read_log(self._log.path)), self._log.path.with_suffix(".json"))

"""Guards of the engine that can be switched off, one by one: what the invariants are worth is shown by each being
missed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from cloud.compute import ComputeOperations
from cloud.policies import LeasePolicy
from rollout import admission, cleanup
from rollout.canary_watch import CanaryWatch
from rollout.executor import Executor
from rollout.host_work import HostWork
from rollout.lease import Lease
from rollout.phases import rejoin, release
from rollout.pool_watch import PoolWatch
from rollout.presence import FINAL_MESSAGE
from rollout.record import HostRecord, Phase
from rollout.run_state import Run
from rollout.steps import DeleteSessionHost, Enter, SetAllowNewSession, Wait


@dataclass(frozen=True)
class Mutant:
    """A guard that is switched off while `off` is open. `why`: what it guards."""

    why: str
    off: Callable[[], Any]


def _lease_policy() -> Any:
    async def send(self: LeasePolicy, request: Any) -> Any:
        request.context["handed_to_transport"] = True
        return await self.next.send(request)

    return patch.object(LeasePolicy, "send", send)


def _lease() -> Any:
    """A live holder is not waited for, nor is the lease read back."""

    async def acquire(self: Lease, azure: Any, *, above: int = 0, for_rollout: bool = False) -> None:
        self._taking = True
        self.fence, self.until, self._azure = above + 1, azure.azure_time() + self.length, azure
        self._taking = False
        await self.renew()

    return patch.multiple(Lease, acquire=acquire, see=lambda self, tags: None)


def _claim() -> Any:
    kept = ComputeOperations.update_vm

    async def update_vm(self: ComputeOperations, vm_id: str, change: Any, *, etag: str) -> Any:
        return await kept(self, vm_id, change, etag="*")

    return patch.object(ComputeOperations, "update_vm", update_vm)


def _max_unavailable() -> Any:
    kept = admission._releases

    def releases(candidates: Any, limits: Any, before: int | None) -> tuple[str, ...]:
        return kept(candidates, replace(limits, max_unavailable=99), before)

    return patch.object(admission, "_releases", releases)


def _last_look() -> Any:
    kept = release.next_step

    def next_step(view: Any, goal: Any, record: Any) -> Any:
        if view.session_host is not None and view.attached != view.new_disk_name:
            return DeleteSessionHost(force=True)
        return kept(view, goal, record)

    return patch.object(release, "next_step", next_step)


def _restore() -> Any:
    kept = HostWork._after_failure

    def after_failure(self: HostWork, view: Any, reason: str) -> Any:
        step = kept(self, view, reason)
        if isinstance(step, Enter) and step.record is not None and step.record.p is Phase.UNDO:
            return Enter(replace(step.record, p=Phase.FAILED))
        return step

    return patch.object(HostWork, "_after_failure", after_failure)


@contextmanager
def _new_record_drained() -> Iterator[None]:
    kept = rejoin.next_step

    def next_step(view: Any, goal: Any, record: Any) -> Any:
        step = kept(view, goal, record)
        return Wait("nothing", 10.0) if isinstance(step, SetAllowNewSession) else step

    async def unwatched(self: Executor, view: Any, work: Any, *more: Any) -> None:
        await work()

    with patch.object(rejoin, "next_step", next_step), patch.object(Executor, "_while_watching", unwatched):
        yield


def _message() -> Any:
    async def message(self: Executor, step: Any, view: Any) -> Any:
        ids = frozenset(session.id for session in step.sessions)
        reached = dict.fromkeys(ids, view.now)
        if step.what == FINAL_MESSAGE:
            return replace(view.memory, warned={**view.memory.warned, **reached}), ""
        return replace(view.memory, told={**view.memory.told, **reached}, returned=view.memory.returned - ids), ""

    return patch.object(Executor, "_message", message)


def _exclusion_tag() -> Any:
    kept = Executor._enter

    async def enter(self: Executor, step: Any, view: Any) -> None:
        await kept(self, replace(step, exclusion_tag=step.exclusion_tag or None), view)

    return patch.object(Executor, "_enter", enter)


def _never(*_: Any, **__: Any) -> None:
    return None


_no = property(lambda record: False)

MUTANTS: dict[str, Mutant] = {
    "lease policy": Mutant("no write after the lease has run out", _lease_policy),
    "lease": Mutant("one owner at a time", _lease),
    "claim": Mutant("a VM is written only as it was read", _claim),
    "last look": Mutant("nobody is stopped under", _last_look),
    "floor": Mutant("enough hosts serve", lambda: patch.object(PoolWatch, "floor", lambda *_: 0)),
    "max_unavailable": Mutant("no more are out than may be", _max_unavailable),
    "restore": Mutant("the old disk goes back", _restore),
    "canary": Mutant("nobody follows before the canary", lambda: patch.object(CanaryWatch, "left", _never)),
    "stop": Mutant("failures stop the rollout", lambda: patch.object(Run, "stop", _never)),
    "message": Mutant("users are told first", _message),
    "new record drained": Mutant("nobody lands before verify", _new_record_drained),
    "orphans": Mutant(
        "what a crash left is removed", lambda: patch.object(cleanup, "orphans", lambda *_, **__: ((), ()))
    ),
    "as found": Mutant(
        "flags are given back as found",
        lambda: patch.multiple(HostRecord, found_draining=_no, found_off=_no),
    ),
    "exclusion tag": Mutant("autoscale gets its hosts back", _exclusion_tag),
}

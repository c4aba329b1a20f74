"""How a run ends: what is left over is removed, the pool's record says how it ended, and people are told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from rollout import cleanup, history, load, names, vm_template
from rollout.decisions import APPROVAL, STOP_AFTER
from rollout.events import Kind
from rollout.images import Image
from rollout.need import Need
from rollout.observation import Pool, observe
from rollout.outcome import Outcome, outcome_of
from rollout.pool_record import State
from rollout.run_state import Run


async def finish(run: Run, need: Callable[[Pool, Image], Need]) -> Outcome:
    """End a run whose hosts' works have ended. `need` says what a pool still needs. Raises AzureError, LeaseLost."""
    status, azure = _status(run), run.azure
    run.pool = await observe(azure, run.declaration, at=azure.azure_time())
    kept = status is State.PAUSED and run.window.keeps_disks(azure.azure_time())
    vms, disks = cleanup.orphans(run.pool, keep_ready_of=run.record.r if kept else None)
    await cleanup.remove_orphans(azure, run.clock, vms, disks)
    await cleanup.remove_disks(azure, cleanup.expired(run.pool, azure.azure_time()))
    if status is State.COMPLETE:
        await _merge_template(run)
    run.record = replace(run.record, st=status, u=int(azure.azure_time()))
    entry = _entry(run)
    await _write(run, entry)
    outcome = _outcome(run)
    if status is State.PAUSED and run.ready:
        scheduled = need(run.pool, run.image).scheduled(run.window, azure.azure_time())
        outcome = replace(scheduled, report=run.log_path)
    run.say(
        Kind.ENDED,
        outcome.summary,
        status=outcome.status,
        hosts=outcome.hosts,
        users=outcome.users,
        summary=outcome.summary,
        counts=entry.counts,
        duration=entry.ended - entry.began,
    )
    return outcome


def _status(run: Run) -> State:
    if run.stopping:
        return State.STOPPED
    if run.paused_by:
        return State.PAUSED
    return State.COMPLETE if all(work.result == "done" for work in run.works) else State.COMPLETE_WITH_FAILURES


async def _merge_template(run: Run) -> None:
    properties = run.pool.body.get("properties") or {}
    template = vm_template.merged(properties.get("vmTemplate"), run.image, run.declaration)
    if template is not None:
        await run.azure.update_host_pool(run.pool.id, {"properties": {"vmTemplate": template}})


def _entry(run: Run) -> history.Entry:
    record, results = run.record, Counter(work.result for work in run.works)
    approved = run.canary.approved.told if run.canary.approved is not None else ""
    done, failed = min(record.n, run.done), results["failed"] + results["gone"]
    counts = record.n, done, results["rolled_back"], failed
    return history.Entry(
        record.a, record.st, record.s, record.u, *counts, run.image.version, run.lease.owner, approved, record.e
    )


async def _write(run: Run, entry: history.Entry) -> None:
    why = run.stopping or (f"paused by {run.paused_by}" if run.paused_by else "")
    tags = {
        names.RECORD: run.record.encode(),
        names.HISTORY: history.written(run.pool.tags.get(names.HISTORY), entry),
        names.LAST: run.last(str(run.record.st), f"{entry.updated} of {entry.needed} updated{why and f'; {why}'}"),
        **load.tags(run.watch.load),
    }
    if run.only is None:
        paused = run.record.st is State.PAUSED and (run.window.goes_on or run.ready)
        goes_on = run.window.next(run.azure.azure_time()) if paused else None
        tags |= run.scheduling.over(run.pool.tags, run.record, run.image, goes_on)
    await run.scheduling.sweep(await run.azure.merge_tags(run.pool.id, tags))


def _outcome(run: Run) -> Outcome:
    outcome = outcome_of(
        run.pool,
        run.image,
        run.record,
        run.works,
        run.declaration.protection,
        run.log_path,
        run.paused_by,
        run.stopping,
        run.window.goes_on,
        run.users.by_name,
        run.alarm,
    )
    waits = run.paused_by in (APPROVAL, STOP_AFTER, run.waits_for)
    return replace(outcome, waits_for=run.paused_by) if waits else outcome

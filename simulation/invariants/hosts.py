"""I2, I3, I9: hosts are as they were found or reported, nothing is left behind, nothing else was changed."""

from __future__ import annotations

from typing import Any

from rollout import names
from rollout.draining import LogOff
from simulation.end_state import HostState
from simulation.invariants.evidence import Evidence, Found
from simulation.play import Ended


def no_silent_loss(e: Evidence) -> Found:
    """I2: every host serves as it was found, or is reported; and what can be brought back is brought back."""
    final = e.story.final
    reported = {name for name, _ in final.failures} | set(dict(final.hosts).get("failed", ()))
    problems, after = [], dict(e.after.hosts)
    for name, was in e.before.hosts:
        if e.spoils(name, "gone"):
            continue
        now = after.get(name)
        if now is None:
            problems.append(f"{name}: the VM is gone")
            continue
        if name not in reported or not _hopeless(e):
            problems += [f"{name}: {problem}" for problem in _not_as_found(e, name, was, now)]
    problems += [f"{ended.process} {ended.text}" for ended in e.story.ended if ended.status == "NeverEnded"]
    problems += _unfinished(e, final)
    return len(e.before.hosts), problems


def _hopeless(e: Evidence) -> bool:
    """Both disks fail: then a host may be left, drained and reported."""
    return any("image" not in rule["effect"] for rule in e.case.lasting)


def _not_as_found(e: Evidence, name: str, was: HostState, now: HostState) -> list[str]:
    found = []
    if now.leftovers and e.in_work(name):
        found.append(f"tags {', '.join(now.leftovers)} are left")
    if e.case.pool.get("scaling_plan") or "switch_scaling_plan_on" in _kinds(e):
        return found  # autoscale switches it on and off, and drains it
    if not e.spoils(name, "flag") and now.allow_new_session is not was.allow_new_session:
        found.append(f"allowNewSession was {was.allow_new_session}, is {now.allow_new_session}")
    if e.spoils(name, "power"):
        return found
    if now.booted is not was.booted:
        found.append(f"was {'on' if was.booted else 'off'}, is {'on' if now.booted else 'off'}")
    if was.booted and (now.status != was.status or not now.registered or not now.joined):
        found.append(f"status {now.status or 'none'}, registered {now.registered}, joined {now.joined}")
    return found


def _unfinished(e: Evidence, final: Ended) -> list[str]:
    """With a good image and nothing in the way any more, the pool comes to its target; with a bad one it stays."""
    reverted = e.case.back and e.story.idle_writes is not None  # the rollout was complete, and taken back
    expected = "1.0.0" if e.case.lasting or reverted else "1.0.1"
    wanted = {"stopped", "complete_with_failures"} if e.case.lasting else {"complete"}
    may_stay = e.declared.drain.log_off is not LogOff.FORCE  # users who stay past the deadline keep their host
    if may_stay and "left_out" in dict(final.hosts):
        wanted.add("complete_with_failures")
    if final.status == "paused" and _all_are_needed(e):
        return []
    found = []
    if final.status not in wanted:
        found.append(f"the last run ended as {final.status}: {final.text}")
    if e.case.lasting and not e.case.bad_image:
        return found
    in_use = dict(final.hosts).get("left_out", ()) if may_stay else ()
    for name, now in e.after.hosts:
        spared = e.case.lasting and name == "added"  # the fault is of the others
        if now.image != expected and not e.spoils(name, "gone") and name not in in_use and not spared:
            found.append(f"{name}: runs {now.image}, not {expected}")
    return found


def _all_are_needed(e: Evidence) -> bool:
    """Somebody took so many hosts away that those which serve have no place for another's sessions."""
    at = e.time.samples[-1][0]
    serving = len(e.time.hosts_in("serving", at))
    return e.needed_for(e.time.sessions.at(at) or 0) > serving - 1


def no_orphans(e: Evidence) -> Found:
    """I3: no temporary VM or NIC, no disk but those attached and those kept as the way back."""
    problems, resources = [], e.story.after["resources"]
    gone = {name for name, spoils in e.spoiled.items() if "gone" in spoils}
    attached = {
        str(body["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"]).lower()
        for body in resources.values()
        if str(body.get("type", "")).lower() == "microsoft.compute/virtualmachines"
    }
    for key, body in resources.items():
        tags = body.get("tags") or {}
        if "/avdtmp-" in key:
            problems.append(f"{key.rsplit('/', 1)[-1]} is left")
        elif "/disks/" in key and key not in attached and (body.get("properties") or {}).get("osType"):
            kept = tags.get(names.DISK_STATE) == "old" and names.DISK_KEEP_UNTIL in tags
            kept = kept or (e.declared.quarantine.disks > 0 and _is_reported(e, key, tags))
            kept = kept or (tags.get(names.DISK_STATE) == "ready" and e.story.final.status == "paused")
            if not kept and key not in e.story.before["resources"] and tags.get(names.DISK_HOST) not in gone:
                problems.append(f"disk {key.rsplit('/', 1)[-1]} is left, {tags.get(names.DISK_STATE) or 'untagged'}")
        elif "/disks/" in key and key in attached and names.DISK_KEEP_UNTIL in tags:
            problems.append(f"disk {key.rsplit('/', 1)[-1]} is attached and marked for deletion")
    problems += [
        f"disk {key.rsplit('/', 1)[-1]}, the way back, is gone"
        for key, body in e.story.before["resources"].items()
        if "/disks/" in key and key not in resources and not _belongs(body, gone)
    ]
    return len(resources), problems


def _is_reported(e: Evidence, disk_id: str, tags: dict[str, Any]) -> bool:
    """The disk is in quarantine, and the run that ended last or an earlier one has named it."""
    kept = tags.get(names.DISK_STATE) == "quarantined" and names.DISK_KEEP_UNTIL in tags
    told = {str(event.data.get("quarantined", "")).lower() for event in e.story.made.events}
    return kept and disk_id.rsplit("/", 1)[-1] in told


def _belongs(disk: dict[str, Any], hosts: set[str]) -> bool:
    return any(str(disk["name"]).lower().startswith(f"{host}_") or f"{host}-" in disk["name"] for host in hosts)


def as_found(e: Evidence) -> Found:
    """I9: scaling plan, tags and what nobody declared are as they were."""
    problems, after = [], dict(e.after.hosts)
    changed = {f"vm-{deed.host}" for _, deed in e.story.deeds if deed.kind in ("wipe_vm_tags", "add_vm_tag")}
    if e.before.scaling_plans != e.after.scaling_plans and "switch_scaling_plan_on" not in _kinds(e):
        problems.append(f"scaling plans were {e.before.scaling_plans}, are {e.after.scaling_plans}")
    for name, was in e.before.hosts:
        now = after.get(name)
        if now is None:
            continue
        same = ["zones", "nics", "addresses", "data_disks"]
        if name not in _wiped(e):  # else the record of how it was found may have gone with the tags
            same += ["delete_option", "friendly_name"]
        if e.declared.vm_size is None or e.case.lasting:
            same.append("size")
        if name not in changed:
            same.append("tags")
        for field in same:
            if getattr(was, field) != getattr(now, field) and not e.spoils(name, "gone"):
                problems.append(f"{name}: {field} was {getattr(was, field)}, is {getattr(now, field)}")
    added = [f"vm-{deed.host}" for _, deed in e.story.deeds if deed.kind == "add_vm_tag"]
    for name in added:
        if name in after and name not in _wiped(e) and ("patched", "2026-01") not in after[name].tags:
            problems.append(f"{name}: the tag that somebody added is gone")
    return len(e.before.hosts), problems


def _kinds(e: Evidence) -> set[str]:
    return {deed.kind for _, deed in e.story.deeds}


def _wiped(e: Evidence) -> set[str]:
    return {f"vm-{deed.host}" for _, deed in e.story.deeds if deed.kind == "wipe_vm_tags"}

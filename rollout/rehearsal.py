"""Rehearsal: the disk of one host is built, booted and checked, as the build phase of a rollout does it, and no host is
touched. What it makes has the names and tags of the next attempt: a disk that is kept is used by it, and what a crash
leaves is removed by the next run.

The one thing that could not be found again, a network interface without its machine, is in a tag of the pool meanwhile.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from rollout import cleanup, guest, names
from rollout.arm import Disk, Vm, name_of
from rollout.azure import Azure, Body
from rollout.clock import Clock
from rollout.declaration import Declaration
from rollout.errors import AzureError, Forbidden, HostFailed, InvalidDeclaration, LeaseLost, PreCheckFailed
from rollout.events import Event, Kind, Listener
from rollout.executor import Executor
from rollout.image_sources import resolve
from rollout.images import Image
from rollout.lease import Lease
from rollout.lease_keeper import LeaseKeeper
from rollout.observation import Host, Pool, observe
from rollout.phases import build
from rollout.plan import half_done, wanted_id
from rollout.prechecks import run as run_prechecks
from rollout.steps import Fail, Goal, HostView, Memory, Wait
from rollout.temporary_vm import build_group

PATIENCE = 12
"""Refused or unanswered calls in a row after which it is given up, as for a host."""


@dataclass(frozen=True)
class Rehearsed:
    """How it ended."""

    host: str
    """The host whose disk was built."""
    version: str
    passed: bool
    seconds: float
    why: str
    """Why it failed; empty where it passed."""
    disk: str
    """Name of the disk, where it is kept."""

    def __str__(self) -> str:
        if not self.passed:
            return f"{self.version} FAILED for {self.host}: {self.why}"
        kept = f"disk {self.disk} is kept for the rollout" if self.disk else "the disk is removed again"
        return f"{self.version} for {self.host}: built, booted and checked in {self.seconds / 60:.0f} min; {kept}"


async def rehearse(
    azure: Azure,
    declaration: Declaration,
    *,
    clock: Clock,
    lease: Lease,
    tell: Listener,
    host: str | None = None,
    keep: bool = False,
) -> Rehearsed:
    """Build, boot and check a disk for `host`, or for the pool's first. `keep` leaves a good one for the next attempt.

    Raises PreCheckFailed (a rollout is under way, a pre-check finds an error, or the host's disk of that version is
    kept already), InvalidDeclaration for a name that is no host, LeaseHeld, LeaseLost and AzureError. Safe to be killed
    and called again.
    """
    pool, image = await _looked_at(azure, declaration)
    _chosen(pool, image, host)
    claims = [each.record.f for each in pool.hosts if each.record is not None]
    await lease.acquire(azure, above=max(claims, default=0))
    try:
        async with LeaseKeeper(azure, lease, clock, asyncio.Event()) as keeper:
            pool = await observe(azure, declaration, at=azure.azure_time())
            _refuse_during_a_rollout(pool)
            await _remove_disk_of_killed(azure, pool)
            await clear(azure, clock, pool)
            stage = _Stage(azure, declaration, clock, lease, tell, pool, image, _chosen(pool, image, host))
            await stage.remove_disk()  # half of one would be taken for the one that is built now
            done = await stage.play(keeper)
            done = replace(done, disk=stage.disk_name if keep and done.passed else "")
            await stage.strike(keep=bool(done.disk))
    finally:
        await _let_go(lease)
    data: Body = {"version": done.version, "passed": done.passed, "seconds": round(done.seconds), "disk": done.disk}
    if stage.evidence:
        data["evidence"] = stage.evidence
    tell(Event(clock.now(), Kind.REHEARSED, done.host, str(done), data))
    return done


async def clear(azure: Azure, clock: Clock, pool: Pool) -> None:
    """Remove the network interface of a rehearsal that was killed, and its tag; the machine and the disk are found by
    their own tags (`cleanup.orphans`). Call it under the lease."""
    nic_id = pool.tags.get(names.REHEARSAL)
    if nic_id is None:
        return
    if await azure.get_vm(_vm_of(nic_id)) is not None:
        await azure.delete_vm(_vm_of(nic_id))
    nic = await azure.get_nic(nic_id)
    if nic is not None and names.DISK_HOST_ID in (nic.get("tags") or {}):
        await cleanup.delete_nic(azure, clock, nic_id)
    await azure.delete_tags(pool.id, {names.REHEARSAL: nic_id})


def kept(disk: Disk, pool: Pool, image_id: str = "") -> bool:
    """Whether a rehearsal has kept the disk for the next attempt of its image: it is finished, nobody's, and not that
    of a rehearsal which was killed before it could remove it. `image_id`: else the disk's tag has it."""
    made_from = image_id or disk.tags.get(names.DISK_IMAGE, "")
    key = names.build_key(disk.tags.get(names.DISK_HOST_ID, ""), made_from, _next_attempt(pool))
    ready = disk.tags.get(names.DISK_STATE) == "ready" and disk.managed_by is None
    return ready and names.key_in(disk.name) == key and key != _key_of_killed(pool)


def _next_attempt(pool: Pool) -> int:
    return (pool.record.a if pool.record is not None else 0) + 1


def _key_of_killed(pool: Pool) -> str:
    """The build key of a rehearsal that was killed, or that is under way; empty for none."""
    return names.key_in(name_of(pool.tags.get(names.REHEARSAL, "")))


async def _remove_disk_of_killed(azure: Azure, pool: Pool) -> None:
    """What a killed rehearsal had finished looks like a disk that was kept once its tag is gone, so it goes before."""
    key = _key_of_killed(pool)
    if key:
        await cleanup.remove_disks(azure, [disk for disk in pool.disks if names.key_in(disk.name) == key])


async def _looked_at(azure: Azure, declaration: Declaration) -> tuple[Pool, Image]:
    pool = await observe(azure, declaration, at=azure.azure_time())
    image = await resolve(azure, declaration, pool.location)
    _refuse_during_a_rollout(pool)
    findings = await run_prechecks(azure, declaration, pool, image, mode="start")
    errors = [f"  {f.subject}: {f.problem}; {f.remedy}" for f in findings if f.severity == "error"]
    if errors:
        lines = "\n".join(errors)
        raise PreCheckFailed(f"pool {pool.name}: nothing was rehearsed\n{lines}")
    return pool, image


def _refuse_during_a_rollout(pool: Pool) -> None:
    record = pool.record
    if (record is not None and record.resumable) or any(half_done(host) for host in pool.hosts):
        state = record.st if record is not None else "half done"
        raise PreCheckFailed(f"pool {pool.name}: a rollout is {state}, which builds disks itself; let it end first")


def _chosen(pool: Pool, image: Image, name: str | None) -> Host:
    """The named host, else the first one without a kept disk. Raises InvalidDeclaration for a name that is no host, and
    PreCheckFailed where the disk is kept already: nobody shall lose it, and a second one would have its name."""
    disks = {host.name: _kept_disk(pool, host, image) for host in pool.hosts}
    first = next((host for host in pool.hosts if disks[host.name] is None), next(iter(pool.hosts), None))
    found = pool.host(name) if name is not None else first
    if found is None:
        known = ", ".join(host.name for host in pool.hosts[:10]) or "none"
        raise InvalidDeclaration("host", name, f"is no host of pool {pool.name}", f"its hosts are {known}")
    disk = disks[found.name]
    if disk is not None:
        raise PreCheckFailed(
            f"pool {pool.name}: the disk {disk.name} of {image.version} is kept for {found.name} from an earlier "
            "rehearsal, and the next attempt for that version uses it; nothing was rehearsed. Rehearse another host, "
            f"or give the disk up first: az disk delete --ids {disk.id}"
        )
    return found


def _kept_disk(pool: Pool, host: Host, image: Image) -> Disk | None:
    return next((disk for disk in host.kept if kept(disk, pool, image.id)), None)


class _Stage:
    """The build of one disk, by the steps of the build phase."""

    def __init__(
        self,
        azure: Azure,
        declaration: Declaration,
        clock: Clock,
        lease: Lease,
        tell: Listener,
        pool: Pool,
        image: Image,
        host: Host,
    ) -> None:
        self._azure, self._declaration, self._clock, self._tell = azure, declaration, clock, tell
        self._pool, self._host = pool, host
        attempt = _next_attempt(pool)
        rollout = wanted_id(image, declaration)
        self._goal = Goal(declaration, image, pool.name, rollout, attempt, lease.fence, None)
        self._key = names.build_key(host.vm.vm_id, image.id, attempt)
        self.disk_name = names.new_disk(host.name, self._key)
        network = "Microsoft.Network/networkInterfaces"
        self._group = build_group(self._goal, host.vm)
        self._nic_id = f"{self._group}/providers/{network}/{names.temporary_nic(self._key)}"
        self._memory = Memory()
        self.evidence: Body = {}
        """What Azure and the guest said of a failure, before the machine went."""

    async def play(self, keeper: LeaseKeeper) -> Rehearsed:
        """Until there is a disk that Windows has been set up on, or it is known that there will be none."""
        await self._azure.merge_tags(self._pool.id, {names.REHEARSAL: self._nic_id})
        executor, began, why = Executor(self._azure, self._goal, self._clock, self._tell), self._clock.now(), ""
        try:
            await self._build(executor, keeper)
        except HostFailed as failed:
            why = str(failed)
            self.evidence = await self._evidence()
        finally:
            await executor.close()
        seconds = self._clock.now() - began
        return Rehearsed(self._host.name, self._goal.image.version, not why, seconds, why, "")

    async def _build(self, executor: Executor, keeper: LeaseKeeper) -> None:
        refused, waited_for = 0, ""
        while True:
            if keeper.lost is not None:
                raise keeper.lost
            try:
                view = await self._view()
                step = build.disk_step(view, self._goal)
                match step:
                    case None:
                        return
                    case Fail():
                        raise HostFailed(step.reason)
                    case Wait():
                        if step.reason != waited_for:
                            self._tell(Event(self._clock.now(), Kind.WAITING, self._host.name, step.reason))
                        waited_for = step.reason
                        await self._clock.sleep(step.seconds)
                    case _:
                        self._memory = await executor.perform(step, view)
                refused = 0
            except AzureError as error:
                refused += 1
                if refused >= PATIENCE or isinstance(error, Forbidden):
                    raise HostFailed(str(error)) from error
                await self._clock.sleep(min(5.0 * 2.0 ** min(refused, 4), 60.0))

    async def _view(self) -> HostView:
        """The host as it was found, and what is being built for it as it is."""
        now, azure = self._azure.azure_time(), self._azure
        temporary = await self._temporary()
        body = None if temporary is not None and not temporary.off else await azure.get_disk(self._disk_id())
        nic = await azure.get_nic(self._nic_id) if temporary is None else None
        since = (self._memory.build_since or now) if temporary is not None else None
        self._memory = replace(self._memory, build_since=since)
        return HostView(
            self._host.vm,
            None,
            now,
            self._memory,
            new_disk=Disk(body) if body is not None else None,
            new_disk_name=self.disk_name,
            old_disk=self._host.os_disk,
            temporary_vm=temporary,
            temporary_nic=nic,
            build_key=self._key,
        )

    async def _temporary(self) -> Vm | None:
        body = await self._azure.get_vm(_vm_of(self._nic_id), instance_view=True)
        return Vm(body) if body is not None else None

    def _disk_id(self) -> str:
        return f"{self._group}/providers/Microsoft.Compute/disks/{self.disk_name}"

    async def _evidence(self) -> Body:
        try:
            temporary = await self._temporary()
            return await guest.evidence(self._azure, temporary, None) if temporary is not None else {}
        except AzureError:
            return {}  # it is told without

    async def strike(self, *, keep: bool) -> None:
        """Nothing is left but a disk that is kept, and those that other rehearsals kept for the same rollout."""
        pool = await observe(self._azure, self._declaration, at=self._azure.azure_time())
        vms, disks = cleanup.orphans(pool, keep_ready_of=self._goal.rollout)
        await cleanup.remove_orphans(self._azure, self._clock, vms, disks)
        if not keep:
            await self.remove_disk()
        await clear(self._azure, self._clock, pool)

    async def remove_disk(self) -> None:
        """Where there is one, and it is attached to nothing."""
        body = await self._azure.get_disk(self._disk_id())
        if body is not None and Disk(body).tags.get(names.DISK_HOST_ID) == self._host.vm.vm_id:
            await cleanup.remove_disks(self._azure, [Disk(body)])


def _vm_of(nic_id: str) -> str:
    """Id of the temporary VM that a temporary NIC is made for."""
    group, _, name = nic_id.rpartition("/providers/Microsoft.Network/networkInterfaces/")
    return f"{group}/providers/Microsoft.Compute/virtualMachines/{name.removesuffix('-nic')}"


async def _let_go(lease: Lease) -> None:
    try:
        await lease.release()
    except (AzureError, LeaseLost):
        pass  # it ends by itself

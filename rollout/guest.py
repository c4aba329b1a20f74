"""What is asked of Windows inside a host, by Run Command, and what its answers mean."""

from __future__ import annotations

from rollout import names, scripts
from rollout.arm import SessionHost, Vm, dig
from rollout.azure import Azure, Body
from rollout.declaration import Declaration, JoinType
from rollout.errors import AzureError, ImageFault, OperationFailed
from rollout.post_update import PostUpdate


async def is_set_up(azure: Azure, vm: Vm) -> bool:
    """Whether Windows set-up is complete on the temporary VM and no restart pends; extends the system partition.

    Raises ImageFault for an image with an AVD agent of its own.
    """
    said = scripts.answers(await azure.run_command(vm.id, scripts.BUILD_CHECK))
    if said.get("IsRegistered") in ("0", "1"):
        raise ImageFault(
            "the image has an AVD agent of its own, which would register with the pool it was made in; "
            "remove the agent from the golden image before sysprep"
        )
    return said.get("ImageState") == "IMAGE_STATE_COMPLETE" and said.get("RebootPending") != "True"


async def check(azure: Azure, declaration: Declaration, vm: Vm) -> None:
    """Secure channel, time zone, Windows Update policy as the VM declares them, and the declared script.

    Raises ImageFault for the first that is wrong.
    """
    script: tuple[str, ...] = scripts.GUEST_CHECK_COMMON
    if declaration.join is not None and declaration.join.type is JoinType.ACTIVE_DIRECTORY:
        script += scripts.GUEST_CHECK_AD
    said = scripts.answers(await azure.run_command(vm.id, script))
    if said.get("SecureChannel") == "False":
        raise ImageFault("its secure channel to the domain is broken")
    windows = dig(vm.properties, "osProfile", "windowsConfiguration") or {}
    zone = windows.get("timeZone")
    if zone and said.get("TimeZone") and said["TimeZone"].lower() != str(zone).lower():
        raise ImageFault(f"time zone {said['TimeZone']} where the host had {zone}")
    if windows.get("enableAutomaticUpdates") is False and said.get("NoAutoUpdate") == "0":
        raise ImageFault("Windows Update is on where the host had it off")
    if declaration.verify.script:
        try:
            await azure.run_protected_command(vm.id, names.VERIFY_COMMAND, declaration.verify.script, {})
        except OperationFailed as error:
            raise ImageFault(f"verify.script: {shortened(error.message)}") from error


async def attached_containers(azure: Azure, vm: Vm) -> int | None:
    """How many FSLogix containers are attached; None where the guest could not say. By a managed run command, which is
    deleted again: the last script of the Run Command action would stay on the VM."""
    try:
        said = scripts.answers(
            await azure.run_protected_command(vm.id, names.CONTAINERS_COMMAND, scripts.CONTAINERS, {})
        )
        return int(said["Attached"])
    except (OperationFailed, KeyError, ValueError):
        return None


async def run_post_update(azure: Azure, declared: PostUpdate, vm: Vm) -> None:
    """The script of post_update, its secrets as protected parameters. Raises ImageFault where it fails."""
    secrets = {name: await azure.get_secret(uri) for name, uri in declared.secrets}
    try:
        await azure.run_protected_command(vm.id, names.POST_UPDATE_COMMAND, declared.script, secrets)
    except OperationFailed as error:
        raise ImageFault(f"post_update.script: {shortened(error.message)}") from error


async def leave_directory(azure: Azure, vm: Vm) -> None:
    """Leave Entra ID, by a managed run command, which is deleted: the last script of the Run Command action stays on
    the VM in a hidden extension and runs again on the next disk (operators' reports, unverified), which would then
    leave the directory it has just joined."""
    await azure.run_protected_command(vm.id, names.LEAVE_COMMAND, scripts.LEAVE_ENTRA, {})


async def evidence(azure: Azure, vm: Vm, session_host: SessionHost | None) -> Body:
    """What Azure and the guest say of a failure, kept before the old disk goes back."""
    found: Body = {
        "statuses": list(vm.status_codes),
        "extensions": {e.name: f"{e.provisioning_state} {e.status}".strip() for e in vm.extensions},
        "screenshot": dig(vm.properties, "instanceView", "bootDiagnostics", "consoleScreenshotBlobUri"),
    }
    if session_host is not None:
        found["session_host"] = session_host.status
        found["health_checks"] = {c.name: f"{c.result} {c.message}".strip() for c in session_host.health_checks}
    if vm.running and vm.agent_ready:
        try:
            found["events"] = (await azure.run_command(vm.id, scripts.EVENTS))[:4000]
        except AzureError as error:  # a refusal too: what cannot be read must not stand in the way of the old disk
            found["events"] = f"could not be read: {error.code}"
    return found


def shortened(message: str) -> str:
    """What an extension itself said, without Azure's frame around it, and without its middle where it is long: handlers
    put what matters at either end."""
    said = message.partition("Error message: '")[2].partition("'. More information")[0] or message
    said = " ".join(said.split())
    return said if len(said) <= 150 else f"{said[:60]} ... {said[-85:]}"

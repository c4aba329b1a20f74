"""`hostpool image`: the golden VM that people keep up to date by hand: open it, back it up, capture it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import click

from capture import by_hand, versions
from capture.declaration import DEFINITION_EXAMPLE, DEFINITION_ID, VM_EXAMPLE, VM_ID, CaptureDeclaration, parse
from cloud.clock import guid, real_chance
from cloud.policies import WriteGuard
from hostpool.declared import use_stack, vault_uri
from hostpool.engine import stop_on_signals
from hostpool.session import Session, WrongUse, may_write
from rollout.arm import subscription_of
from rollout.events import Event, Kind

if TYPE_CHECKING:
    from capture.azure import CaptureAzure

VM_VARIABLE, IMAGE_VARIABLE = "HOSTPOOL_GOLDEN_VM", "HOSTPOOL_IMAGE"
VM_OPTION = click.option("--vm", metavar="ID", default="", help=f"Id of the golden VM; else {VM_VARIABLE}.")
IMAGE_OPTION = click.option(
    "--image", metavar="ID", default="", help=f"Id of the gallery image definition; else {IMAGE_VARIABLE}."
)
STACK_OPTION = click.option(
    "--stack", "-s", metavar="NAME", default="",
    help="Of the golden image that this stack of the Pulumi program in this folder declares, instead of ids.",
)  # fmt: skip


@click.group("image")
def command() -> None:
    """Work on a golden VM by hand, and capture it.

    \b
    Examples:
      export HOSTPOOL_GOLDEN_VM=/subscriptions/.../virtualMachines/golden
      hostpool image open
      hostpool image checkpoint
      hostpool image capture --image /subscriptions/.../images/win11 --version '1.0.*'
      hostpool image capture --stack dev
    """


@command.command("open")
@VM_OPTION
@STACK_OPTION
@click.pass_obj
def open_(session: Session, vm: str, stack: str) -> None:
    """Back the golden VM up, then start it."""
    vm_id = golden_of(session, stack, vm=vm)["source_vm_id"] if stack else _vm_of(session, vm)
    name = session.run(_backed_up(session, vm_id, start=True))
    click.echo(f"backed up as {name}; the golden VM runs")


@command.command("checkpoint")
@VM_OPTION
@STACK_OPTION
@click.pass_obj
def checkpoint(session: Session, vm: str, stack: str) -> None:
    """Back the golden VM up as it is, as you go."""
    vm_id = golden_of(session, stack, vm=vm)["source_vm_id"] if stack else _vm_of(session, vm)
    click.echo(f"backed up as {session.run(_backed_up(session, vm_id, start=False))}")


@command.command("capture")
@VM_OPTION
@IMAGE_OPTION
@STACK_OPTION
@click.option("--version", default="", help="The version to make: x.y.z, or x.y.* for the next that is free.")
@click.option(
    "--region", "regions", multiple=True, help="Where it is replicated to; several. Default: the image's own."
)
@click.option("--specialized", is_flag=True, help="As it is, without sysprep.")
@click.option("--leave-out-data-disks", is_flag=True, help="Of a golden VM that has some.")
@click.option("--no-boot-test", is_flag=True, help="Offer the version without a machine of it having been tried.")
@click.pass_obj
def capture_(
    session: Session,
    vm: str,
    image: str,
    stack: str,
    version: str,
    regions: tuple[str, ...],
    specialized: bool,
    leave_out_data_disks: bool,
    no_boot_test: bool,
) -> None:
    """Make an image version of the golden VM, as a GoldenImageVersion without scripts does.

    It is shut down for it, a clone of it is sysprepped, and at the end it is on or off as it was. With --stack all is
    done that the stack declares, scripts, boot test and retention too, and the next pulumi up takes the version.
    """
    if stack:
        options = {"region": regions, "specialized": specialized, "leave-out-data-disks": leave_out_data_disks}
        options |= {"no-boot-test": no_boot_test}
        inputs = golden_of(session, stack, vm=vm, image=image, **options)
        inputs |= {"version": version} if version else {}
    else:
        if not version:
            raise WrongUse("add --version x.y.z, or --version 'x.y.*' for the next that is free, or --stack NAME")
        inputs = {"source_vm_id": _vm_of(session, vm), "image": definition_of(session, image), "version": version}
        inputs |= {"regions": [{"name": name} for name in regions]}
        inputs |= {"os_state": "specialized"} if specialized else {}
        inputs |= {"data_disks": "leave_out"} if leave_out_data_disks else {}
        inputs |= {"boot_test": {"enabled": False}} if no_boot_test else {}
    click.echo(session.run(_capture(session, inputs)))


def golden_of(session: Session, stack: str, **given: Any) -> dict[str, Any]:
    """The inputs of the golden image that a stack declares, names of secrets as they are. `given`: options that say the
    same. Raises WrongUse."""
    use_stack(session, stack)
    assert session.stack is not None
    both = next((name for name, value in given.items() if value), None)
    if both is not None:
        raise WrongUse(f"--{both}: stack {stack} declares it; leave one of the two out")
    inputs = session.stack.golden_image("")
    if inputs is None:
        raise WrongUse(f"stack {stack} declares no golden_image")
    return inputs


async def _backed_up(session: Session, vm_id: str, *, start: bool) -> str:
    async with opened_for(session, vm_id, may_write) as azure:
        return await (by_hand.opened if start else by_hand.checkpoint)(azure, vm_id)


async def _capture(session: Session, inputs: dict[str, Any]) -> str:
    from capture.capture import capture
    from capture.lease import DefinitionLease

    lease = DefinitionLease(inputs["image"], f"hostpool image capture, {session.world.who}", session.clock)
    async with opened_for(session, inputs["image"], lease.check) as azure:
        if session.stack is not None:
            named = session.stack.golden_image(await vault_uri(session.stack, azure)) or {}
            inputs = {**named, "version": inputs["version"]}
        declared = await _numbered(azure, parse(inputs))
        done = await capture(
            azure, declared, clock=session.clock, lease=lease, tell=_tell, password=_password, stop=stop_on_signals()
        )
    return done.summary


async def _numbered(azure: CaptureAzure, declared: CaptureDeclaration) -> CaptureDeclaration:
    """With the number of `x.y.*`: of a capture that was interrupted, else the next that is free."""
    if not declared.version.endswith("*"):
        return declared
    vm = await azure.get_vm(declared.source_vm_id)
    begun = versions.begun(declared, (vm or {}).get("tags") or {})
    known = await azure.list_image_versions(declared.image)
    return replace(declared, version=begun or versions.next_free(declared.version, known))


def _tell(event: Event) -> None:
    text = f"phase {event.data['phase']}" if event.data.get("phase") else event.text
    if text:
        click.echo(f"waits: {text}" if event.kind is Kind.WAITING else text, err=True)


def _password() -> str:
    return f"Aa1!{guid(real_chance())}"


def opened_for(session: Session, resource_id: str, guard: WriteGuard) -> AbstractAsyncContextManager[CaptureAzure]:
    """A connection in the subscription of a resource."""
    opened = session.world.open_azure(session.world.environment, subscription_of(resource_id), session.clock, guard)
    return cast("AbstractAsyncContextManager[CaptureAzure]", opened)


def _vm_of(session: Session, given: str) -> str:
    return _id(session, given, "--vm", VM_VARIABLE, VM_ID, VM_EXAMPLE)


def definition_of(session: Session, given: str) -> str:
    """The id of the image definition. Raises WrongUse where there is none."""
    return _id(session, given, "--image", IMAGE_VARIABLE, DEFINITION_ID, DEFINITION_EXAMPLE)


def _id(session: Session, given: str, option: str, variable: str, shape: Any, example: str) -> str:
    value = (given or session.world.environment.get(variable, "")).strip().rstrip("/")
    if not value:
        raise WrongUse(f"add {option} ID or set {variable}: {example}")
    if not shape.fullmatch(value):
        raise WrongUse(f"{option if given else variable}: {value!r} is no such id; write {example}")
    return value

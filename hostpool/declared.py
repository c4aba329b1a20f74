"""The declaration that a subcommand goes by: what a run has stored in the pool's tags, what is scheduled there, or what
a stack of the Pulumi program declares (`--stack`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from capture import versions
from capture.declaration import parse as parse_capture
from hostpool.session import NotPossible, Session, WrongUse, pool_body
from rollout import declaration, hold, names, pool_record
from rollout.arm import name_of, same_id
from rollout.azure import Azure
from rollout.declaration import Declaration
from rollout.images import LATEST
from rollout.observation import observe
from rollout.promote_from import PROMOTED
from rollout.promotion import promoted

if TYPE_CHECKING:  # with Pulumi's packages, which take a second
    from program.stack import Stack


async def pool_tags(session: Session, azure: Azure) -> dict[str, str]:
    """The pool's tags; from now on the session tells times in the pool's zone. Raises WrongUse where there is none."""
    tags = dict((await pool_body(azure, session.pool_id)).get("tags") or {})
    session.zone = zone_of(tags, session.pool_id)
    return tags


def zone_of(tags: Mapping[str, str], pool_id: str) -> str:
    """The pool's zone as it was declared for what is scheduled, or for the last run; else UTC."""
    declared = hold.declaration_of(tags, pool_id)
    return declared.zone if declared is not None else "UTC"


def stored(tags: Mapping[str, str], pool_id: str) -> Declaration | None:
    """The declaration that the last run stored in the pool's tags, or None."""
    inputs = pool_record.read_declaration(tags)
    return declaration.parse({**inputs, "host_pool_id": pool_id}) if inputs is not None else None


def as_run_last(tags: Mapping[str, str], pool_id: str) -> tuple[Declaration, dict[str, Any]]:
    """The stored declaration and its inputs, `latest` being the version that the last run brought the hosts to, not one
    that came after. Raises NotPossible where no rollout has stored one."""
    declared = stored(tags, pool_id)
    if declared is None:
        raise NotPossible(
            f"pool {name_of(pool_id)} has no stored declaration: no rollout has run on it yet; run pulumi up first"
        )
    inputs = {**(pool_record.read_declaration(tags) or {}), "host_pool_id": pool_id}
    target = tags.get(names.TARGET, "")
    if inputs["version"] == LATEST and "/versions/" in target.lower():
        inputs["version"] = name_of(target)
        declared = declaration.parse(inputs)
    return declared, inputs


async def next_one(session: Session, azure: Azure, tags: Mapping[str, str], version: str = "") -> Declaration:
    """What comes next: what --stack declares, else the scheduled rollout, else that of the last run; with another
    version, if one is given, and the one that comes in place of `promoted`. Raises WrongUse where there is none of
    them, NotPossible where no version comes, InvalidDeclaration, AzureError."""
    inputs = await _of_stack(session, azure) if session.stack is not None else hold.inputs_of(tags)
    if inputs is None:
        raise WrongUse(
            f"pool {session.pool_name} has no stored declaration: no rollout has run on it yet, and none is scheduled; "
            "name the stack that declares one, in the folder of the Pulumi program: --stack NAME"
        )
    given = {"version": version} if version else {}
    declared = declaration.parse({**inputs, "host_pool_id": session.pool_id, **given})
    session.zone = declared.zone
    if declared.version.lower() != PROMOTED:
        return declared
    target, why_not = await promoted(azure, declared, await observe(azure, declared, at=azure.azure_time()))
    if target is None:
        raise NotPossible(f"pool {session.pool_name}: no version comes to it: {why_not}")
    return target


async def _of_stack(session: Session, azure: Azure) -> dict[str, Any]:
    """Raises NotPossible where the stack captures its version, and none has been captured yet."""
    from program.golden_image import CAPTURED

    stack = session.stack
    assert stack is not None
    uri = await vault_uri(stack, azure)
    inputs = stack.inputs(uri)
    if inputs["version"] != CAPTURED:
        return inputs
    captured = parse_capture(stack.golden_image(uri) or {})
    known = await azure.list_image_versions(captured.image)
    number = versions.made(captured, known) if captured.version.endswith("*") else captured.version
    if not number:
        raise NotPossible(f"stack {stack.name} has captured no version yet: run pulumi up first")
    return {**inputs, "version": number}


async def vault_uri(stack: Stack, azure: Azure) -> str:
    """Of the stack's vault, as it is put before the names of secrets; empty where it names none."""
    vault = stack.settings.key_vault_id
    return await azure.vault_uri(vault) if vault else ""


def use_stack(session: Session, name: str) -> None:
    """From now on the session is about what this stack of the program in the working folder declares, and about its
    pool. Raises WrongUse."""
    from program.stack import NoStack, read  # with Pulumi's packages, which take a second

    try:
        session.stack = read(name, Path.cwd())
    except NoStack as error:
        raise WrongUse(str(error)) from error
    theirs = session.stack.settings.host_pool_id
    if not theirs:  # only targets: whoever needs a host pool says so
        session.host_pool_id = session.host_pool_id or session.stack.settings.home
        return
    if session.has_pool and not same_id(session.pool_id, theirs):
        raise WrongUse(f"stack {name} declares the pool {theirs}, not {session.pool_id}: name one of the two")
    session.host_pool_id = theirs

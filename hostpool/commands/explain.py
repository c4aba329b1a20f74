"""`hostpool explain HOST`: what is going on with one host, and what to do."""

from __future__ import annotations

import json

import click

from hostpool.explain import as_json, as_lines, explain
from hostpool.look import find, look
from hostpool.options import common, json_option
from hostpool.session import Session
from rollout.arm import UserSession, Vm


@click.command("explain")
@click.argument("host")
@json_option
@common
def command(session: Session, host: str, json_: bool) -> None:
    """Explain HOST: its phase, what was done last, what it waits for, what to do.

    HOST is the VM's name, or the session host's as the portal shows it.

    \b
    Examples:
      hostpool explain vm-7
      hostpool explain vm-7.corp.example.com
    """
    session.run(_explain(session, host, json_))


async def _explain(session: Session, name: str, json_: bool) -> None:
    async with session.azure() as azure:
        found = await look(azure, session)
        host = find(found.pool, name)
        body = await azure.get_vm(host.vm.id, instance_view=True)
        listed = await azure.list_user_sessions(host.session_host.id) if host.session_host else []
        now = azure.azure_time()
    row = next(row for row in found.status.hosts if row.host == host.name)
    told = explain(
        found.status, row, host, Vm(body) if body else None, [UserSession(item) for item in listed], found.log
    )
    click.echo(json.dumps(as_json(told), indent=1) if json_ else "\n".join(as_lines(told, now, found.status.zone)))

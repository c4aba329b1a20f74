"""Options that the command takes before or after the name of a subcommand."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from hostpool.declared import use_stack
from hostpool.logs import FOLDER_VARIABLE
from hostpool.session import POOL_VARIABLE, Session


def common(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a subcommand the session, with --host-pool and --log-folder as given here or before its name."""

    @click.option("--host-pool", metavar="ID", default="", help=f"Id of the host pool; else {POOL_VARIABLE}.")
    @click.option("--log-folder", metavar="DIR", default="", help=f"Event logs; else {FOLDER_VARIABLE}, .hostpool.")
    @wraps(function)
    def with_session(host_pool: str, log_folder: str, stack: str = "", **given: Any) -> Any:
        session: Session = click.get_current_context().obj
        session.host_pool_id = host_pool or session.host_pool_id
        session.log_folder = log_folder or session.log_folder
        if stack:
            use_stack(session, stack)
        return function(session, **given)

    return with_session


stack_option = click.option(
    "--stack", "-s", metavar="NAME", default="",
    help="Go by what this stack of the Pulumi program in this folder declares; else by what is scheduled, or ran last.",
)  # fmt: skip
"""Goes before `common`, which takes it."""

json_option = click.option("--json", "json_", is_flag=True, help="JSON on standard output instead of text.")
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")

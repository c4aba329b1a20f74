"""`hostpool comment`: a pull request's comment from `pulumi preview --json`."""

from __future__ import annotations

from typing import TextIO

import click

from hostpool.preview_comment import NoPreview, comment, read
from hostpool.session import WrongUse


@click.command("comment")
@click.argument("preview", type=click.File(encoding="utf-8"), default="-")
@click.option("--stack", metavar="NAME", default="", help="The stack, where the preview was of another name or failed.")
@click.option("--url", metavar="URL", default="", help="Address of the CI run, which the comment then links.")
def command(preview: TextIO, stack: str, url: str) -> None:
    """Write the comment of a pull request from the JSON of pulumi preview, read from a file or standard input.

    For each pool: version from and to, hosts, order, estimate, window, the findings of the pre-checks, and what cannot
    be known beforehand. It has 60,000 characters at most. Its first line, a Markdown comment with project and stack,
    is how the workflows find the one that is there already. Neither a pool's id nor credentials are needed.

    \b
    Examples:
      pulumi preview --json --stack prod | hostpool comment > comment.md
      hostpool comment preview.json --stack prod --url "$RUN_URL"
    """
    try:
        made = comment(read(preview.read(), stack), url)
    except (NoPreview, UnicodeDecodeError) as error:
        raise WrongUse(f"{preview.name} is not what pulumi preview --json prints: {error}") from error
    click.echo(made, nl=False)

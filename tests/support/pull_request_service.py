"""A stand-in for `gh api` and `curl`, on the comments of one pull request in the file that STORE names.

Called as `gh` it answers as GitHub, as `curl` like Azure Repos or the token service of a runner. The words of each call
are noted.
"""

from __future__ import annotations

import json
import os
import sys
from itertools import pairwise
from pathlib import Path


def main(program: str, words: list[str]) -> None:
    store = Path(os.environ["STORE"])
    data = json.loads(store.read_text())
    data["calls"].append(words)
    comments: dict[str, str] = data["comments"]
    options = dict(pairwise(words))
    method = options.get("--method") or options.get("--request") or "GET"
    [url] = [word for word in words if word.startswith(("repos/", "https://"))]
    if "token" in url:
        number = len(data["calls"])
        print(json.dumps({"value": f"github-{number}", "oidcToken": f"azure-{number}"}))
    elif method == "GET":
        print(json.dumps(_github(comments) if program == "gh" else {"value": _threads(comments)}))
    else:
        body = Path(options["--field"].removeprefix("body=@")).read_text() if program == "gh" else _sent()
        place = url.partition("?")[0].removesuffix("/comments/1").rsplit("/", 1)[-1]
        comments[place if method == "PATCH" else str(len(comments) + 1)] = body
    store.write_text(json.dumps(data))


def _github(comments: dict[str, str]) -> list[object]:
    return [{"id": int(number), "body": body} for number, body in comments.items()]


def _threads(comments: dict[str, str]) -> list[object]:
    """Each comment begins a thread, in which it is the first."""
    return [{"id": int(n), "comments": [{"id": 1, "content": body}]} for n, body in comments.items()]


def _sent() -> str:
    sent = json.load(sys.stdin)
    return str(sent["content"] if "content" in sent else sent["comments"][0]["content"])


if __name__ == "__main__":
    main(Path(sys.argv[1]).name, sys.argv[2:])

"""Lists in pages: `value` and, when there is more, `nextLink` with an opaque `$skipToken`."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from urllib.parse import urlencode

from emulator.wire import ArmError, Body, Request


def page(request: Request, items: Sequence[Body], size: int = 100) -> Body:
    """The page of `items` that the request asks for. `$top` may make a page smaller than `size`, never larger.

    Raises 400 InvalidSkipToken for a token that no answer of ours contained (wording not verified).
    """
    start = _offset(request.query.get("$skiptoken", ""))
    top = request.query.get("$top", "")
    length = min(size, int(top)) if top.isdigit() and int(top) > 0 else size
    answer: Body = {"value": list(items[start : start + length])}
    if start + length < len(items):
        query = {name: value for name, value in request.query.items() if name != "$skiptoken"}
        query["$skipToken"] = base64.urlsafe_b64encode(f"at={start + length}".encode()).decode()
        answer["nextLink"] = f"{request.base_url}{request.path}?{urlencode(query, safe='$/')}"
    return answer


def _offset(token: str) -> int:
    if not token:
        return 0
    try:
        label, _, number = base64.urlsafe_b64decode(token.encode()).decode().partition("=")
        if label == "at":
            return int(number)
    except ValueError:
        pass
    raise ArmError(400, "InvalidSkipToken", f"The skip token '{token}' is invalid.")

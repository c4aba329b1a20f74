"""Lists of this resource provider: `pageSize`, `initialSkip`, `isDescending` and `nextLink`."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from emulator.wire import Body, Headers, Request, Response

LARGEST = 1000
"""Elements of a page when none is asked for (unverified)."""


def page(request: Request, values: list[Body], headers: Headers | None = None) -> Response:
    """One page of a list, as {"value", "nextLink"}; nextLink is null on the last (avd-sessionhost-get-and-list)."""
    if request.query.get("isdescending", "").lower() == "true":
        values = values[::-1]
    size = max(1, min(LARGEST, _number(request, "pagesize", LARGEST)))
    start = max(0, _number(request, "initialskip", 0))
    following = None
    if start + size < len(values):
        query = {**request.query, "pageSize": str(size), "initialSkip": str(start + size)}
        query.pop("pagesize", None)
        query.pop("initialskip", None)
        following = f"{request.base_url}{quote(request.path)}?{urlencode(query)}"
    return Response(200, {"value": values[start : start + size], "nextLink": following}, headers or Headers())


def _number(request: Request, name: str, otherwise: int) -> int:
    text = request.query.get(name, "")
    return int(text) if text.isdigit() else otherwise

"""Routes: which function answers which method and path, and which RBAC action the caller needs for it.

Each resource provider's package has a `routes.py` with one visible table, `ROUTES: list[Route]`; `app.py` joins them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from emulator.wire import Request, Response
from emulator.world import World

Answer = Callable[[World, Request, dict[str, str]], Response]
"""A route's function: (world, request, path parameters as written) -> response. Raises `ArmError`."""


@dataclass(frozen=True)
class Route:
    """`template` is a path with `{names}`; a segment name ending in `*` takes the rest of the path (scopes).

    `action` is the RBAC action, checked on the resource's own scope before the function is called; None is for what ARM
    does not check (operation status). `scope` names the path prefix that is the scope of the check when it is not the
    path itself, e.g. for a POST action `/subscriptions/../virtualMachines/x/start` it is found by `scope_of`.
    """

    method: str
    template: str
    answer: Answer
    action: str | None
    api_versions: tuple[str, ...] = ()
    """Accepted api-versions; empty takes any. An unknown one is 400 InvalidResourceType / NoRegisteredProviderFound."""
    pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = []
        for segment in self.template.strip("/").split("/"):
            if segment.startswith("{") and segment.endswith("*}"):
                parts.append(f"(?P<{segment[1:-2]}>.+)")
            elif segment.startswith("{"):
                parts.append(f"(?P<{segment[1:-1]}>[^/]+)")
            else:
                parts.append(re.escape(segment))
        object.__setattr__(self, "pattern", re.compile("/" + "/".join(parts) + "/?", re.IGNORECASE))


def scope_of(route: Route, path: str) -> str:
    """The scope an action is checked on: the path, without the verb of a POST and without the name of a collection.

    `POST .../virtualMachines/a/start` -> `.../virtualMachines/a`; `GET .../virtualMachines` -> the resource group.
    """
    segments = path.strip("/").split("/")
    provider = next((i for i in range(len(segments) - 1, -1, -1) if segments[i].lower() == "providers"), None)
    if provider is None:
        return "/" + "/".join(segments)
    typed = len(segments) - provider - 2  # segments after the namespace: type, name, type, name ...
    if typed % 2 == 1:
        segments = segments[:-1]
        if len(segments) - provider == 2:  # a collection right under the namespace: scope is what stands before
            segments = segments[:provider]
    return "/" + "/".join(segments)


class Router:
    """Finds the route of a method and path. A tree of lower-case segments: the tables hold a few hundred routes, and a
    literal segment wins over a `{name}`, a name over a `{rest*}`, whatever the order of the tables."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        for route in routes:
            node = self._root
            for segment in route.template.strip("/").split("/"):
                if segment.startswith("{") and segment.endswith("*}"):
                    node.rest.append(route)
                    break
                key = "{}" if segment.startswith("{") else segment.lower()
                node = node.children.setdefault(key, _Node())
            else:
                node.routes.append(route)

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route and its parameters as written, or None. Doubled slashes count once, as for ARM."""
        path = "/" + "/".join(segment for segment in path.split("/") if segment)
        segments = path.strip("/").lower().split("/")
        for route in self._candidates(self._root, segments, 0):
            if route.method == method:
                match = route.pattern.fullmatch(path)
                if match is not None:
                    return route, match.groupdict()
        return None

    def methods(self, path: str) -> list[str]:
        """The methods known for a path (for 405)."""
        return [r.method for r in self._candidates(self._root, path.strip("/").lower().split("/"), 0)]

    def _candidates(self, node: _Node, segments: list[str], at: int) -> Iterator[Route]:
        if at == len(segments):
            yield from node.routes
            return
        literal = node.children.get(segments[at])
        if literal is not None:
            yield from self._candidates(literal, segments, at + 1)
        named = node.children.get("{}")
        if named is not None:
            yield from self._candidates(named, segments, at + 1)
        yield from node.rest


@dataclass(slots=True)
class _Node:
    children: dict[str, _Node] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)
    rest: list[Route] = field(default_factory=list)

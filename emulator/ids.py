"""ARM resource ids: taking them apart. Ids are compared without case (Azure writes the same id in several cases)."""

from __future__ import annotations


def _segments(resource_id: str) -> list[str]:
    return [segment for segment in resource_id.split("/") if segment]


def _provider_index(segments: list[str]) -> int | None:
    """Where the last `providers` segment stands (an extension resource has two)."""
    return next((i for i in range(len(segments) - 1, -1, -1) if segments[i].lower() == "providers"), None)


def normal(path: str) -> str:
    """One leading slash, none doubled or trailing: clients send `//subscriptions/...` and a trailing slash at times."""
    return "/" + "/".join(_segments(path))


def same(one: str | None, other: str | None) -> bool:
    """Whether two ids name the same resource."""
    return one is not None and other is not None and normal(one).lower() == normal(other).lower()


def within(scope: str, resource_id: str) -> bool:
    """Whether `resource_id` is `scope` or lies below it. Scope `/` holds everything."""
    outer, inner = normal(scope).lower(), normal(resource_id).lower()
    return outer == "/" or inner == outer or inner.startswith(outer + "/")


def name(resource_id: str) -> str:
    """The last segment."""
    return _segments(resource_id)[-1]


def subscription(resource_id: str) -> str | None:
    segments = _segments(resource_id)
    return segments[1] if len(segments) > 1 and segments[0].lower() == "subscriptions" else None


def resource_group(resource_id: str) -> str | None:
    """The name of the group, as written in the id."""
    segments = _segments(resource_id)
    return segments[3] if len(segments) > 3 and segments[2].lower() == "resourcegroups" else None


def group_scope(resource_id: str) -> str:
    """`/subscriptions/<s>/resourceGroups/<g>` of an id inside a group."""
    return f"/subscriptions/{subscription(resource_id)}/resourceGroups/{resource_group(resource_id)}"


def resource_type(resource_id: str) -> str:
    """`Microsoft.Compute/galleries/images` of the id of an image definition; empty where there is no provider."""
    segments = _segments(resource_id)
    at = _provider_index(segments)
    if at is None or at + 1 >= len(segments):
        return ""
    return "/".join([segments[at + 1], *segments[at + 2 :: 2]])


def parent(resource_id: str) -> str | None:
    """The id of the parent resource (`.../galleries/g` of `.../galleries/g/images/i`), None for a top-level one."""
    segments = _segments(resource_id)
    at = _provider_index(segments)
    if at is None or len(segments) - at - 2 <= 2:
        return None
    return "/" + "/".join(segments[:-2])


def top_level(resource_id: str) -> str:
    """The id cut to its top-level resource (`.../virtualNetworks/v` of `.../virtualNetworks/v/subnets/s`)."""
    segments = _segments(resource_id)
    at = _provider_index(segments)
    return "/" + "/".join(segments if at is None else segments[: at + 4])

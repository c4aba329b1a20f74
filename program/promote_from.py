"""The stack that a version is promoted from: its pool is one of its outputs. What that pool really runs is read from
the pool itself, since the outputs are those of the last run that succeeded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi


def with_pool_id(given: Mapping[str, Any]) -> dict[str, Any]:
    """The key `promote_from` as the input of HostPoolImageUpdate: its stack asked for `host_pool_id`."""
    if "host_pool_id" in given:
        return dict(given)
    stack = str(given["stack"])
    outputs = pulumi.StackReference("promote-from", stack_name=full_name(stack))
    # What is no id is refused in the preview, with this text: an exception here would be shown as a traceback.
    missing = f"stack {stack}, which has no output host_pool_id before its first pulumi up,"
    return {**given, "host_pool_id": outputs.get_output("host_pool_id").apply(lambda found: found or missing)}


def full_name(stack: str) -> str:
    """`organization/project/stack`, as every backend has it; a name alone is a stack of this project."""
    return stack if "/" in stack else f"{pulumi.get_organization()}/{pulumi.get_project()}/{stack}"

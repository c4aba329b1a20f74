"""A dynamic resource that does nothing, in the place of `HostPoolImageUpdate`: what a preview costs without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider, UpdateResult

from providers.host_pool_image_update import OUTPUTS, HostPoolImageUpdate

PROGRAM = '''"""The project's program with a resource that does nothing in the place of the image update."""

import runpy

import providers.host_pool_image_update as declared
from bench.no_op import NoOp

declared.HostPoolImageUpdate = NoOp
runpy.run_path("project.py", run_name="__main__")
'''
"""`__main__.py` beside the project's own, which is `project.py` then."""


class NoOpProvider(ResourceProvider):
    """Takes what it is given."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult("no-op", props)

    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(news)


class NoOp(HostPoolImageUpdate):
    """Has the inputs of `HostPoolImageUpdate`, and its outputs without values."""

    def __init__(self, resource_name: str, args: object, opts: pulumi.ResourceOptions | None = None) -> None:
        Resource.__init__(self, NoOpProvider(), resource_name, dict.fromkeys(OUTPUTS) | _plain(args), opts)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value

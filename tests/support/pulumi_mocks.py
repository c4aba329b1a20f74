"""Pulumi mocks that record what a program declares."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi.runtime

NAMES = ("galleryImageVersionName", "galleryImageName", "galleryName", "hostPoolName", "roleAssignmentName")
"""Inputs that a resource's output `name` repeats."""


@dataclass
class Recorder(pulumi.runtime.Mocks):
    """Answers each resource with its inputs and an id made of its type and name."""

    declared: list[pulumi.runtime.MockResourceArgs] = field(default_factory=list)
    functions: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Answers of functions (`invoke`) by their token."""
    stack_outputs: dict[str, Any] = field(default_factory=dict)
    """Outputs of every stack that is referred to."""
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Outputs of resources beside their inputs, by their type."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[Any, Any]]:
        self.declared.append(args)
        inputs = dict(args.inputs)
        if args.typ == "pulumi:pulumi:StackReference":
            return f"id of {args.name}", {**inputs, "outputs": self.stack_outputs, "secretOutputNames": []}
        name = next((inputs[key] for key in NAMES if key in inputs), args.name)
        return f"id of {args.name}", {**inputs, "name": name, **self.made.get(args.typ, {})}

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[Any, Any]:
        return self.functions[args.token]

    def of(self, token: str) -> list[dict[str, Any]]:
        """Inputs of the declared resources of a type, in order of their names."""
        return [dict(a.inputs) for a in sorted(self.declared, key=lambda a: a.name) if a.typ == f"azure-native:{token}"]


def run_program(program: Callable[[], Any], recorder: Recorder, project: str = "avd", stack: str = "test") -> Recorder:
    """Run a Pulumi program, on event loops of its own, and wait for all that it declares.

    Pulumi's mocks want a loop in each thread that registers a resource, and close none.
    """
    loops: list[asyncio.AbstractEventLoop] = []

    def open_loop() -> None:
        loops.append(asyncio.new_event_loop())
        asyncio.set_event_loop(loops[-1])

    open_loop()
    executor = ThreadPoolExecutor(initializer=open_loop)
    loops[0].set_default_executor(executor)
    try:
        pulumi.runtime.set_mocks(recorder, project=project, stack=stack, preview=False, organization="organization")
        pulumi.runtime.test(program)()
    finally:
        executor.shutdown()
        asyncio.set_event_loop(None)
        for loop in loops:
            loop.close()
    return recorder

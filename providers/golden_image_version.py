"""`GoldenImageVersion`: a version of a gallery image, captured from a golden VM, as a Pulumi resource.

Creating and updating are the same operation: capture the version, go on where an earlier run stopped, or find it there;
then nothing is written. Another golden VM, version, state or script replaces the resource. Deleting deletes nothing: a
version may be the one that hosts run or go back to. The token and the provider class's path are in the state of every
stack for ever: neither may change, and the class has no state and no arguments.

Imports are late, inside the methods: the program's process needs none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, ReadResult, Resource, UpdateResult
from pulumi.dynamic import ResourceProvider as DynamicProvider
from pulumi.output import UNKNOWN

from providers.arguments import plain
from providers.failure import GoldenImageVersionFailed
from providers.golden_image_args import (
    BootTestArgs,
    CloneArgs,
    GoldenImageVersionArgs,
    RegionArgs,
    RetentionArgs,
    UpdateArgs,
)

__all__ = [
    "BootTestArgs",
    "CloneArgs",
    "GoldenImageVersion",
    "GoldenImageVersionArgs",
    "GoldenImageVersionProvider",
    "RegionArgs",
    "RetentionArgs",
    "UpdateArgs",
]

TOKEN = "pulumi-python:dynamic/avd:GoldenImageVersion"

OUTPUTS = ("status", "summary", "version_id", "snapshots", "update_log", "replication", "report")
"""Names of the outputs that are no inputs; `plan` and `resolved_version` are added to the inputs."""


class GoldenImageVersionProvider(DynamicProvider):
    """What Pulumi calls, in a process of its own. Every method can be called again at any time."""

    # The pickle is a reference to this class: nothing in it is secret, and the state stays readable.
    serialize_as_secret_always = False

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate, choose the version that `x.y.*` stands for, and add what a preview shows: `plan`.

        Without access to Azure nothing is known of what is there: an unchanged declaration keeps its version, with a
        warning; a new one is refused where its number cannot be chosen.
        """
        from providers import golden_image_inputs as inputs

        checked = inputs.validate(inputs.declared(news))
        if checked.declaration is None:
            return CheckResult(news, [CheckFailure(problem.prop, problem.reason) for problem in checked.problems])
        if checked.unknown.intersection(inputs.IDENTITY):
            return CheckResult({**news, "plan": inputs.UNKNOWN_PLAN, inputs.RESOLVED: UNKNOWN}, [])
        from providers.capturing import look
        from providers.engine_log import warn
        from providers.runtime import runtime

        former = inputs.former(olds, checked.declaration)
        seen = runtime().run(look(checked.declaration, former, first=inputs.RESOLVED not in olds))
        if seen.failures:
            return CheckResult(news, [CheckFailure(problem.prop, problem.reason) for problem in seen.failures])
        version = seen.version or checked.declaration.version
        if seen.problem:
            if version.endswith("*"):
                return CheckResult(news, [CheckFailure("version", f"version: {version!r}: {seen.problem}")])
            warn(seen.problem, news)
            return CheckResult({**news, "plan": olds.get("plan", ""), inputs.RESOLVED: version}, [])
        if seen.warning:
            warn(seen.warning, news)
        return CheckResult({**news, "plan": seen.plan, inputs.RESOLVED: version}, [])

    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Another version where what makes one has changed; an update where the version is missing or is to be offered
        otherwise."""
        from providers import golden_image_inputs as inputs

        replaces = inputs.replaces(olds, news)
        changes = bool(replaces) or inputs.changed(olds, news) or bool(news.get("plan"))
        return DiffResult(changes=changes, replaces=replaces, delete_before_replace=False)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Capture. Raises GoldenImageVersionFailed, with one line, where no version was made."""
        outs = _make(props)
        return CreateResult(str(outs["version_id"]).lower(), outs)

    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """The same as `create`; what is known of the capture stays."""
        kept: dict[str, Any] = {name: olds[name] for name in ("snapshots", "update_log") if name in olds}
        return UpdateResult({**kept, **_make(news)})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """How far the version is replicated. One that is gone is gone from the state."""
        from providers import golden_image_inputs as inputs
        from providers.capturing import observe
        from providers.engine_log import warn
        from providers.runtime import runtime

        declaration = inputs.validate(inputs.declared(props)).declaration
        if declaration is None:  # a state of former inputs: the next update brings it up to date
            return ReadResult(id_, props)
        seen = runtime().run(observe(inputs.pinned(props, declaration)))
        if seen.gone:
            return ReadResult(None, {})
        if seen.problem:
            warn(seen.problem, props)
            return ReadResult(id_, props)
        own = {name: value for name, value in props.items() if name != "__provider"}
        return ReadResult(id_, {**own, "replication": dict(seen.replication)})

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Nothing: the version stays in the gallery, and the backups stay."""


class GoldenImageVersion(Resource, module="avd", name="GoldenImageVersion"):
    """A version of a gallery image, captured from a golden VM."""

    source_vm_id: pulumi.Output[str]
    image: pulumi.Output[str]
    version: pulumi.Output[str]
    status: pulumi.Output[str]
    summary: pulumi.Output[str]
    """One line on how the capture went."""
    version_id: pulumi.Output[str]
    """Id of the version."""
    resolved_version: pulumi.Output[str]
    """The version, `x.y.*` resolved: what `HostPoolImageUpdate` takes as its version."""
    snapshots: pulumi.Output[list[str]]
    """Names of the golden VM's backups."""
    update_log: pulumi.Output[list[dict[str, Any]]]
    """What each script said."""
    replication: pulumi.Output[dict[str, str]]
    """State of the replication by region."""
    report: pulumi.Output[str]
    """Path of the run's event log."""
    plan: pulumi.Output[str]

    def __init__(
        self,
        resource_name: str,
        args: GoldenImageVersionArgs | Mapping[str, Any],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """
        :param resource_name: name of the resource in the stack.
        :param args: the declaration; `docs/golden-image-inputs.md` has each input.
        :param opts: options of the resource.
        """
        given: dict[str, Any] = dict.fromkeys((*OUTPUTS, "plan", "resolved_version"))
        given |= plain(args)
        # Awaited, not passed on as an Output: that would depend on the parent, which waits for its children.
        given["resource_urn"] = pulumi.create_urn(resource_name, TOKEN, opts.parent if opts else None).future()
        super().__init__(GoldenImageVersionProvider(), resource_name, given, opts)


def _make(props: dict[str, Any]) -> dict[str, Any]:
    """Run the capture; returns the outputs: the inputs, as outputs replace each other whole, and what the run tells."""
    from providers import golden_image_inputs as inputs
    from providers.capturing import make
    from providers.runtime import runtime

    checked = inputs.validate(inputs.declared(props))
    if checked.declaration is None:  # check() has refused it before; a state that was edited by hand
        raise GoldenImageVersionFailed("; ".join(problem.reason for problem in checked.problems))
    declaration = inputs.pinned(props, checked.declaration)
    if declaration.version.endswith("*"):
        raise GoldenImageVersionFailed(f"version: {declaration.version!r} was not resolved: run pulumi preview again")
    engine = runtime()
    try:
        done = engine.run(make(declaration, str(props.get("resource_urn") or ""), engine.stop))
    except GoldenImageVersionFailed as failed:
        # Once more, here: Pulumi shows the traceback, and this way it is a short one.
        raise GoldenImageVersionFailed(str(failed)) from None
    own = {name: value for name, value in props.items() if name != "__provider" and value is not None}
    return {**own, **done, inputs.RESOLVED: declaration.version}

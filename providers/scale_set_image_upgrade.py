"""`ScaleSetImageUpgrade`: the instances of a scale set on the latest version of its image, as a Pulumi resource.

Creating and updating are the same operation: begin Azure's rolling upgrade where Azure does not, or join the one that
runs, and watch it to its end; where all instances run the latest version nothing is done. Deleting changes nothing. The
token and the provider class's path are in the state of every stack for ever: neither may change, and the class has no
state and no arguments.

Imports are late, inside the methods: the program's process needs none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, ReadResult, Resource, UpdateResult
from pulumi.dynamic import ResourceProvider as DynamicProvider

from providers.arguments import plain
from providers.failure import ScaleSetImageUpgradeFailed
from providers.image_upgrade_args import ScaleSetImageUpgradeArgs

__all__ = ["ScaleSetImageUpgrade", "ScaleSetImageUpgradeArgs", "ScaleSetImageUpgradeProvider"]

TOKEN = "pulumi-python:dynamic/avd:ScaleSetImageUpgrade"

OUTPUTS = (
    "status",
    "summary",
    "waits_for",
    "image_version_id",
    "instances",
    "failed",
    "upgrade",
    "history",
    "report",
)
"""Names of the outputs that are no inputs; `plan` and `state` are added to the inputs."""


class ScaleSetImageUpgradeProvider(DynamicProvider):
    """What Pulumi calls, in a process of its own. Every method can be called again at any time."""

    # The pickle is a reference to this class: nothing in it is secret, and the state stays readable.
    serialize_as_secret_always = False

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate, and add what a preview shows: `plan` and `state`.

        Without access to Azure the former plan stays, with a warning.
        """
        from providers import image_upgrade_inputs as inputs

        checked = inputs.validate(inputs.declared(news))
        if checked.declaration is None:
            return CheckResult(news, [CheckFailure(problem.prop, problem.reason) for problem in checked.problems])
        if checked.unknown:
            return CheckResult({**news, "plan": dict(inputs.UNKNOWN_PLAN), "state": inputs.UNKNOWN_STATE}, [])
        from providers.image_upgrading import look
        from providers.runtime import runtime

        seen = runtime().run(look(checked.declaration))
        if seen.failures:
            return CheckResult(news, [CheckFailure(problem.prop, problem.reason) for problem in seen.failures])
        if seen.problem:
            _warn(seen.problem, news)
            return CheckResult({**news, "plan": olds.get("plan", {}), "state": inputs.STALE}, [])
        if seen.warning:
            _warn(seen.warning, news)
        return CheckResult({**news, "plan": dict(seen.plan), "state": seen.state}, [])

    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """An update where instances do not run the latest version, the last run did not complete, or something else is
        declared."""
        from providers import image_upgrade_inputs as inputs

        replaces = inputs.replaces(olds, news)
        unfinished = olds.get("status") != "complete"
        changes = bool(replaces) or inputs.changed(olds, news) or inputs.has_work(news) or unfinished
        return DiffResult(changes=changes, replaces=replaces, delete_before_replace=False)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Upgrade. Raises ScaleSetImageUpgradeFailed, with one line, where it could not be done to its end."""
        outs = _upgrade(props)
        return CreateResult(str(props["scale_set_id"]).rstrip("/").lower(), outs)

    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """The same as `create`."""
        return UpdateResult(_upgrade(news))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """What the instances run now, and Azure's history. A scale set that is gone is gone from the state."""
        from providers import image_upgrade_inputs as inputs
        from providers.image_upgrading import look
        from providers.runtime import runtime

        declaration = inputs.validate(inputs.declared(props)).declaration
        if declaration is None:  # a state of former inputs: the next update brings it up to date
            return ReadResult(id_, props)
        seen = runtime().run(look(declaration, begun_only=True))
        if seen.gone:
            return ReadResult(None, {})
        if seen.problem:
            _warn(seen.problem, props)
            return ReadResult(id_, props)
        return ReadResult(id_, {**inputs.own(props), **seen.seen})

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Nothing: the instances stay as they are, and an upgrade under way goes on."""


class ScaleSetImageUpgrade(Resource, module="avd", name="ScaleSetImageUpgrade"):
    """The instances of a scale set on the latest version of its image."""

    scale_set_id: pulumi.Output[str]
    status: pulumi.Output[str]
    """`complete`, `complete_with_failures` or `waiting`."""
    summary: pulumi.Output[str]
    """One line on how the run ended."""
    waits_for: pulumi.Output[str]
    """What a run waits for that has ended as declared: approvals."""
    image_version_id: pulumi.Output[str]
    """Id of the version that the instances were brought to."""
    instances: pulumi.Output[dict[str, list[str]]]
    """Names of the instances by the version they run."""
    failed: pulumi.Output[dict[str, str]]
    """Instances with which something is wrong, and what."""
    upgrade: pulumi.Output[dict[str, Any]]
    """The upgrade that was watched, or the last one, in the shape of an entry of `history`."""
    history: pulumi.Output[list[dict[str, Any]]]
    """Azure's osUpgradeHistory: the last five attempts within two months, the newest first."""
    report: pulumi.Output[str]
    """Path of the run's event log."""
    plan: pulumi.Output[dict[str, str]]
    """Instances that need the upgrade, and from what to what."""
    state: pulumi.Output[str]
    """One line on where the scale set stands."""

    def __init__(
        self,
        resource_name: str,
        args: ScaleSetImageUpgradeArgs | Mapping[str, Any],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """
        :param resource_name: name of the resource in the stack.
        :param args: the declaration; `docs/scale-set-upgrade-inputs.md` has each input.
        :param opts: options of the resource. Its own hooks come after those given here.
        """
        given: dict[str, Any] = dict.fromkeys((*OUTPUTS, "plan", "state"))
        given |= plain(args)
        # Awaited, not passed on as an Output: that would depend on the parent, which waits for its children.
        given["resource_urn"] = pulumi.create_urn(resource_name, TOKEN, opts.parent if opts else None).future()
        hook = pulumi.ResourceHook(f"avd-scale-set-upgrade-complete-{resource_name}", fail_when_incomplete)
        hooks = pulumi.ResourceHookBinding(after_create=[hook], after_update=[hook])
        opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(hooks=hooks))
        super().__init__(ScaleSetImageUpgradeProvider(), resource_name, given, opts)


def fail_when_incomplete(args: pulumi.ResourceHookArgs) -> None:
    """After create and update: fail the deployment where Azure has left instances out, unless the declaration says
    otherwise. The state is saved by then."""
    outputs, inputs = args.new_outputs or {}, args.new_inputs or {}
    if outputs.get("status") == "complete_with_failures" and inputs.get("fail_when_incomplete") is not False:
        raise ScaleSetImageUpgradeFailed(str(outputs.get("summary")))


def _upgrade(props: dict[str, Any]) -> dict[str, Any]:
    """Run the upgrade; returns the outputs: the inputs, as outputs replace each other whole, and what the run tells."""
    from providers import image_upgrade_inputs as inputs
    from providers.image_upgrading import upgrade
    from providers.runtime import runtime

    checked = inputs.validate(inputs.declared(props))
    if checked.declaration is None:  # check() has refused it before; a state that was edited by hand
        raise ScaleSetImageUpgradeFailed("; ".join(problem.reason for problem in checked.problems))
    engine = runtime()
    try:
        done = engine.run(upgrade(checked.declaration, str(props.get("resource_urn") or ""), engine.stop))
    except ScaleSetImageUpgradeFailed as failed:
        # Once more, here: Pulumi shows the traceback, and this way it is a short one.
        raise ScaleSetImageUpgradeFailed(str(failed)) from None
    return {**inputs.own(props), **done}


def _warn(text: str, props: dict[str, Any]) -> None:
    from providers.engine_log import EngineLog

    log = EngineLog(str(props.get("resource_urn") or ""))
    log.warning(text)
    log.close()

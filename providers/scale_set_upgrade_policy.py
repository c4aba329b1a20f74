"""`ScaleSetUpgradePolicy`: how an existing scale set rolls new OS images out, as a Pulumi resource.

Creating and updating are the same operation: the declared settings are written where the scale set differs, and what
was found is kept in the outputs. Deleting gives it back. Another scale set replaces the resource. The token and the
provider class's path are in the state of every stack for ever: neither may change, and the class has no state and no
arguments.

Imports are late, inside the methods: the program's process needs none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, ReadResult, Resource, UpdateResult
from pulumi.dynamic import ResourceProvider as DynamicProvider

from providers.arguments import plain
from providers.failure import ScaleSetUpgradePolicyFailed
from providers.scale_set_args import (
    ApplicationHealthArgs,
    AutomaticOSUpgradePolicyArgs,
    HealthArgs,
    LifecycleHookArgs,
    OSImageNotificationArgs,
    RollingUpgradePolicyArgs,
    ScaleSetUpgradePolicyArgs,
    TerminateNotificationArgs,
    UpgradePolicyArgs,
)

__all__ = [
    "ApplicationHealthArgs",
    "AutomaticOSUpgradePolicyArgs",
    "HealthArgs",
    "LifecycleHookArgs",
    "OSImageNotificationArgs",
    "RollingUpgradePolicyArgs",
    "ScaleSetUpgradePolicy",
    "ScaleSetUpgradePolicyArgs",
    "ScaleSetUpgradePolicyProvider",
    "TerminateNotificationArgs",
    "UpgradePolicyArgs",
]

TOKEN = "pulumi-python:dynamic/avd:ScaleSetUpgradePolicy"

OUTPUTS = ("status", "summary", "settings", "found", "instances", "warnings")
"""Names of the outputs that are no inputs; `plan` is added to the inputs."""


class ScaleSetUpgradePolicyProvider(DynamicProvider):
    """What Pulumi calls, in a process of its own. Every method can be called again at any time."""

    # The pickle is a reference to this class: nothing in it is secret, and the state stays readable.
    serialize_as_secret_always = False

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate, judge the scale set as it would be by Azure's rules, and add what a preview shows: `plan`.

        Without access to Azure nothing is judged: the former plan stays, with a warning.
        """
        from providers import scale_set_inputs as inputs

        checked = inputs.validate(inputs.declared(news))
        if checked.declaration is None:
            return CheckResult(news, [CheckFailure(problem.prop, problem.reason) for problem in checked.problems])
        if checked.unknown:
            return CheckResult({**news, "plan": inputs.UNKNOWN_PLAN}, [])
        from providers.runtime import runtime
        from providers.scale_setting import look

        urn = str(news.get("resource_urn") or "")
        seen = runtime().run(look(checked.declaration, inputs.found(olds, checked.declaration), urn))
        if seen.failures:
            return CheckResult(news, [CheckFailure(problem.prop, problem.reason) for problem in seen.failures])
        for warning in (*seen.warnings, *([seen.problem] if seen.problem else [])):
            _warn(warning, news)
        return CheckResult({**news, "plan": olds.get("plan", {}) if seen.problem else dict(seen.plan)}, [])

    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """A replacement where another scale set is named; an update where the scale set differs from what is
        declared, or something else is declared."""
        from providers import scale_set_inputs as inputs

        replaces = inputs.replaces(olds, news)
        changes = bool(replaces) or inputs.changed(olds, news) or bool(news.get("plan"))
        return DiffResult(changes=changes, replaces=replaces, delete_before_replace=False)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Take the scale set over. Raises ScaleSetUpgradePolicyFailed, with one line."""
        outs = _apply(props, {})
        return CreateResult(str(props["scale_set_id"]).rstrip("/").lower(), outs)

    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """The same as `create`; what was found before stays, and what is declared no more is given back."""
        return UpdateResult(_apply(news, dict(olds.get("found") or {})))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """The settings as they are now. A scale set that is gone is gone from the state."""
        from providers import scale_set_inputs as inputs
        from providers.runtime import runtime
        from providers.scale_setting import observe

        declaration = inputs.validate(inputs.declared(props)).declaration
        if declaration is None:  # a state of former inputs: the next update brings it up to date
            return ReadResult(id_, props)
        seen = runtime().run(observe(declaration))
        if seen.gone:
            return ReadResult(None, {})
        if seen.problem:
            _warn(seen.problem, props)
            return ReadResult(id_, props)
        return ReadResult(id_, {**inputs.own(props), "settings": dict(seen.settings)})

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Give the scale set back as it was found. One that is gone is no error."""
        from providers.runtime import runtime
        from providers.scale_setting import give_back

        try:
            urn = str(props.get("resource_urn") or "")
            runtime().run(give_back(str(props.get("scale_set_id") or id_), dict(props.get("found") or {}), urn))
        except ScaleSetUpgradePolicyFailed as failed:
            raise ScaleSetUpgradePolicyFailed(str(failed)) from None


class ScaleSetUpgradePolicy(Resource, module="avd", name="ScaleSetUpgradePolicy"):
    """How an existing scale set rolls new OS images out."""

    scale_set_id: pulumi.Output[str]
    status: pulumi.Output[str]
    summary: pulumi.Output[str]
    """One line on what was changed."""
    settings: pulumi.Output[dict[str, Any]]
    """The declared settings as they are in Azure, by their path."""
    found: pulumi.Output[dict[str, Any]]
    """What they were before: what deleting the resource gives back."""
    instances: pulumi.Output[dict[str, Any]]
    """How many instances there are, and which do not have the latest model."""
    warnings: pulumi.Output[list[str]]
    """Rules that are broken without harm."""
    plan: pulumi.Output[dict[str, str]]

    def __init__(
        self,
        resource_name: str,
        args: ScaleSetUpgradePolicyArgs | Mapping[str, Any],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """
        :param resource_name: name of the resource in the stack.
        :param args: the declaration; `docs/scale-set-inputs.md` has each input.
        :param opts: options of the resource.
        """
        given: dict[str, Any] = dict.fromkeys((*OUTPUTS, "plan"))
        given |= plain(args)
        # Awaited, not passed on as an Output: that would depend on the parent, which waits for its children.
        given["resource_urn"] = pulumi.create_urn(resource_name, TOKEN, opts.parent if opts else None).future()
        super().__init__(ScaleSetUpgradePolicyProvider(), resource_name, given, opts)


def _apply(props: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
    """Bring the scale set to the declaration; returns the outputs: the inputs, as outputs replace each other whole, and
    what the run tells."""
    from providers import scale_set_inputs as inputs
    from providers.runtime import runtime
    from providers.scale_setting import apply

    checked = inputs.validate(inputs.declared(props))
    if checked.declaration is None:  # check() has refused it before; a state that was edited by hand
        raise ScaleSetUpgradePolicyFailed("; ".join(problem.reason for problem in checked.problems))
    engine = runtime()
    try:
        done = engine.run(apply(checked.declaration, kept, str(props.get("resource_urn") or ""), engine.stop))
    except ScaleSetUpgradePolicyFailed as failed:
        # Once more, here: Pulumi shows the traceback, and this way it is a short one.
        raise ScaleSetUpgradePolicyFailed(str(failed)) from None
    return {**inputs.own(props), **done}


def _warn(text: str, props: dict[str, Any]) -> None:
    from providers.engine_log import EngineLog

    log = EngineLog(str(props.get("resource_urn") or ""))
    log.warning(text)
    log.close()

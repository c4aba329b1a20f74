"""`BatchPoolUpgradePolicy`: how Azure brings the nodes of a Batch pool to newer images, as a Pulumi resource for pools
that exist. (Pools that are made here: `components/batch_pool.py`.)

Creating and updating are the same operation: the declared policy is written where the pool has another one, which Batch
takes on an empty pool only. Deleting gives back what was found. Another pool replaces the resource. The token and the
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
from providers.batch_pool_args import (
    BatchAutomaticOSUpgradePolicyArgs,
    BatchPoolUpgradePolicyArgs,
    BatchRollingUpgradePolicyArgs,
    BatchUpgradePolicyArgs,
)
from providers.failure import BatchPoolUpgradePolicyFailed

__all__ = [
    "BatchAutomaticOSUpgradePolicyArgs",
    "BatchPoolUpgradePolicy",
    "BatchPoolUpgradePolicyArgs",
    "BatchPoolUpgradePolicyProvider",
    "BatchRollingUpgradePolicyArgs",
    "BatchUpgradePolicyArgs",
]

TOKEN = "pulumi-python:dynamic/avd:BatchPoolUpgradePolicy"

OUTPUTS = ("status", "summary", "policy", "found", "rolling_upgrade", "warnings")
"""Names of the outputs that are no inputs; `plan` is added to the inputs."""


class BatchPoolUpgradePolicyProvider(DynamicProvider):
    """What Pulumi calls, in a process of its own. Every method can be called again at any time."""

    # The pickle is a reference to this class: nothing in it is secret, and the state stays readable.
    serialize_as_secret_always = False

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate, judge the pool as it would be by Azure's rules, and add what a preview shows: `plan`.

        Without access to Azure nothing is judged: the former plan stays, with a warning.
        """
        from providers import batch_pool_inputs as inputs

        checked = inputs.validate(inputs.declared(news))
        if checked.declaration is None:
            return CheckResult(news, [CheckFailure(problem.prop, problem.reason) for problem in checked.problems])
        if checked.unknown:
            return CheckResult({**news, "plan": inputs.UNKNOWN_PLAN}, [])
        from providers.batch_pool_setting import look
        from providers.runtime import runtime

        seen = runtime().run(look(checked.declaration, inputs.found(olds, checked.declaration)))
        if seen.failures:
            return CheckResult(news, [CheckFailure(problem.prop, problem.reason) for problem in seen.failures])
        for warning in (*seen.warnings, *([seen.problem] if seen.problem else [])):
            _warn(warning, news)
        return CheckResult({**news, "plan": olds.get("plan", {}) if seen.problem else dict(seen.plan)}, [])

    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """A replacement where another pool is named; an update where the pool's policy differs from what is declared,
        or something else is declared."""
        from providers import batch_pool_inputs as inputs

        replaces = inputs.replaces(olds, news)
        changes = bool(replaces) or inputs.changed(olds, news) or bool(news.get("plan"))
        return DiffResult(changes=changes, replaces=replaces, delete_before_replace=False)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Take the pool's policy over. Raises BatchPoolUpgradePolicyFailed, with one line."""
        outs = _apply(props, None)
        return CreateResult(str(props["pool_id"]).rstrip("/").lower(), outs)

    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """The same as `create`; what was found before stays."""
        known = olds.get("found")
        return UpdateResult(_apply(news, dict(known) if isinstance(known, Mapping) else None))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """The policy and the nodes as they are now. A pool that is gone is gone from the state."""
        from providers import batch_pool_inputs as inputs
        from providers.batch_pool_setting import observe
        from providers.runtime import runtime

        declaration = inputs.validate(inputs.declared(props)).declaration
        if declaration is None:  # a state of former inputs: the next update brings it up to date
            return ReadResult(id_, props)
        seen = runtime().run(observe(declaration))
        if seen.gone:
            return ReadResult(None, {})
        if seen.problem:
            _warn(seen.problem, props)
            return ReadResult(id_, props)
        return ReadResult(id_, {**inputs.own(props), **seen.outputs})

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Give the policy back as it was found. A pool that is gone is no error."""
        from providers import batch_pool_inputs as inputs
        from providers.batch_pool_setting import give_back
        from providers.runtime import runtime

        declaration = inputs.validate(inputs.declared(props)).declaration
        if declaration is None:  # a state of inputs that are known no more: what it has changed stays
            _warn("the declaration in the state cannot be read, so that the policy stays as it is", props)
            return
        try:
            runtime().run(give_back(declaration, inputs.found(props, declaration)))
        except BatchPoolUpgradePolicyFailed as failed:
            raise BatchPoolUpgradePolicyFailed(str(failed)) from None


class BatchPoolUpgradePolicy(Resource, module="avd", name="BatchPoolUpgradePolicy"):
    """How Azure brings the nodes of an existing Batch pool to newer images."""

    pool_id: pulumi.Output[str]
    status: pulumi.Output[str]
    summary: pulumi.Output[str]
    """One line on what was changed."""
    policy: pulumi.Output[dict[str, Any]]
    """`upgradePolicy` of the pool, as Azure has it."""
    found: pulumi.Output[dict[str, Any]]
    """What it was before: what deleting the resource gives back."""
    rolling_upgrade: pulumi.Output[dict[str, Any]]
    """Where the nodes stand, in the shape of a scale set's `rollingUpgrades/latest`."""
    warnings: pulumi.Output[list[str]]
    """Rules that are broken without harm."""
    plan: pulumi.Output[dict[str, str]]

    def __init__(
        self,
        resource_name: str,
        args: BatchPoolUpgradePolicyArgs | Mapping[str, Any],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """
        :param resource_name: name of the resource in the stack.
        :param args: the declaration; `docs/batch-pool-inputs.md` has each input.
        :param opts: options of the resource.
        """
        given: dict[str, Any] = dict.fromkeys((*OUTPUTS, "plan"))
        given |= plain(args)
        # Awaited, not passed on as an Output: that would depend on the parent, which waits for its children.
        given["resource_urn"] = pulumi.create_urn(resource_name, TOKEN, opts.parent if opts else None).future()
        super().__init__(BatchPoolUpgradePolicyProvider(), resource_name, given, opts)


def _apply(props: dict[str, Any], kept: dict[str, Any] | None) -> dict[str, Any]:
    """Bring the pool to the declaration; returns the outputs: the inputs, as outputs replace each other whole, and what
    the run tells."""
    from providers import batch_pool_inputs as inputs
    from providers.batch_pool_setting import apply
    from providers.runtime import runtime

    checked = inputs.validate(inputs.declared(props))
    if checked.declaration is None:  # check() has refused it before; a state that was edited by hand
        raise BatchPoolUpgradePolicyFailed("; ".join(problem.reason for problem in checked.problems))
    try:
        done = runtime().run(apply(checked.declaration, kept, str(props.get("resource_urn") or "")))
    except BatchPoolUpgradePolicyFailed as failed:
        # Once more, here: Pulumi shows the traceback, and this way it is a short one.
        raise BatchPoolUpgradePolicyFailed(str(failed)) from None
    return {**inputs.own(props), **done}


def _warn(text: str, props: dict[str, Any]) -> None:
    from providers.engine_log import EngineLog

    log = EngineLog(str(props.get("resource_urn") or ""))
    log.warning(text)
    log.close()

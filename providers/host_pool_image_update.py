"""`HostPoolImageUpdate`: the desired image of a host pool as a Pulumi resource.

Creating and updating are the same operation: bring the pool to the declared image, or go on where an earlier run
stopped. Deleting changes no host. The token `pulumi-python:dynamic/avd:HostPoolImageUpdate` and the provider class's
path are in the state of every stack for ever, since Pulumi stores the provider as a reference to its class: neither may
change, and the class has no state and no arguments.

Imports are late, inside the methods: the program's process needs none of them, and a preview not all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, ReadResult, Resource, UpdateResult
from pulumi.dynamic import ResourceProvider as DynamicProvider

from providers.args import (
    AgentArgs,
    CanaryArgs,
    CheckpointArgs,
    DrainArgs,
    HostPoolImageUpdateArgs,
    JoinArgs,
    LocalAdminArgs,
    LogAnalyticsArgs,
    NotifyArgs,
    PromoteFromArgs,
    VerifyArgs,
    WindowArgs,
)
from providers.arguments import plain
from providers.failure import HostPoolImageUpdateFailed

if TYPE_CHECKING:
    from providers.preview import Look

__all__ = [
    "AgentArgs",
    "CanaryArgs",
    "CheckpointArgs",
    "DrainArgs",
    "HostPoolImageUpdate",
    "HostPoolImageUpdateArgs",
    "HostPoolImageUpdateProvider",
    "JoinArgs",
    "LocalAdminArgs",
    "LogAnalyticsArgs",
    "NotifyArgs",
    "PromoteFromArgs",
    "VerifyArgs",
    "WindowArgs",
]

TOKEN = "pulumi-python:dynamic/avd:HostPoolImageUpdate"


class HostPoolImageUpdateProvider(DynamicProvider):
    """What Pulumi calls, in a process of its own. Every method can be called again at any time."""

    # The pickle is a reference to this class: nothing in it is secret, and the state stays readable.
    serialize_as_secret_always = False

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate, and add what a preview shows: `plan`, `state`, and the version that `latest` is now.

        Without access to Azure the former plan stays, with a warning: a pull request of somebody without rights can
        still be previewed.
        """
        from providers import properties
        from providers.validation import PLAN_INPUTS, validate

        declared = properties.declared(news)
        checked = validate(declared)
        if checked.problems or checked.declaration is None:
            return CheckResult(news, [CheckFailure(problem.prop, problem.reason) for problem in checked.problems])
        if checked.unknown & PLAN_INPUTS:
            return CheckResult(properties.with_unknown_plan(news, checked.unknown & PLAN_INPUTS), [])

        from providers.runtime import runtime, without_collector

        with without_collector():
            from providers.preview import look

            seen = runtime().run(look(checked.declaration, complete=not checked.unknown))
        _tell(seen, news)
        if seen.failures:
            return CheckResult(news, [CheckFailure(problem.prop, problem.reason) for problem in seen.failures])
        return CheckResult(properties.with_look(olds, news, seen), [])

    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """An update if and only if the declared inputs changed, the last run did not complete, or hosts need work."""
        from providers import properties

        if properties.is_another_pool(olds, news):
            return DiffResult(changes=True, replaces=["host_pool_id"])
        unfinished = olds.get("status") != "complete" and not properties.left_alone(news)
        changes = properties.declaration_changed(olds, news) or unfinished or properties.has_work(news)
        return DiffResult(changes=changes, replaces=[])

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Roll the pool. Raises HostPoolImageUpdateFailed, with one line, where it could not be done to its end."""
        outs = _roll(props)
        return CreateResult(str(props["host_pool_id"]).lower(), outs)

    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """The same as `create`."""
        return UpdateResult(_roll(news))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """What the hosts run now, so that a refresh shows drift. A pool that is gone is gone from the state."""
        from providers import properties
        from providers.preview import observe_images
        from providers.runtime import runtime
        from providers.validation import validate

        declaration = validate(properties.declared(props)).declaration
        if declaration is None:  # a state of former inputs: the next update brings it up to date
            return ReadResult(id_, props)
        seen = runtime().run(observe_images(declaration))
        if seen.gone:
            return ReadResult(None, {})
        if seen.problem:
            _tell(seen, props)
            return ReadResult(id_, props)
        return ReadResult(id_, properties.with_observed(props, seen))

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Nothing: the hosts stay as they are, whatever they run."""


OUTPUTS = (
    "status",
    "summary",
    "image_version_id",
    "hosts",
    "images",
    "attempt",
    "report",
    "users",
    "goes_on",
    "waits_for",
    "history",
    "plan",
    "state",
)
"""Names of the outputs that are no inputs; an output exists only where its key is among a resource's properties."""


class HostPoolImageUpdate(Resource, module="avd", name="HostPoolImageUpdate"):
    """The image that the session hosts of a pool run. Its outputs are those of the last run that returned."""

    host_pool_id: pulumi.Output[str]
    image: pulumi.Output[str]
    version: pulumi.Output[str]
    status: pulumi.Output[str]
    """`complete`, `complete_with_failures`, `paused`, `scheduled` or `queued`."""
    summary: pulumi.Output[str]
    """One line on how the run ended."""
    image_version_id: pulumi.Output[str]
    """Id of the version that the hosts were brought to."""
    hosts: pulumi.Output[dict[str, list[str]]]
    """Names of the virtual machines by state."""
    images: pulumi.Output[dict[str, list[str]]]
    """Names of the virtual machines by the version they run."""
    attempt: pulumi.Output[int]
    report: pulumi.Output[str]
    """Path of the run's event log."""
    users: pulumi.Output[dict[str, float]]
    """People by what befell them in the run, such as `signed_out` and `logged_off`."""
    goes_on: pulumi.Output[str]
    """When the next maintenance window opens, for a run that is scheduled or that a window's end has paused."""
    waits_for: pulumi.Output[str]
    """What a run that ended as declared, though hosts are left, waits for, such as the canary's approval."""
    history: pulumi.Output[list[dict[str, Any]]]
    """The pool's last rollouts, the newest first, in the shape of a scale set's osUpgradeHistory."""
    plan: pulumi.Output[dict[str, str]]
    """Hosts that need work, and which."""
    state: pulumi.Output[str]
    """One line on where the pool stands."""

    def __init__(
        self,
        resource_name: str,
        args: HostPoolImageUpdateArgs | Mapping[str, Any],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """
        :param resource_name: name of the resource in the stack.
        :param args: the declaration; `docs/inputs.md` has each input.
        :param opts: options of the resource. Its own hooks come after those given here.
        """
        given = plain(args)
        props: dict[str, Any] = dict.fromkeys(OUTPUTS) | given
        # Awaited, not passed on as an Output: that would depend on the parent, which waits for its children.
        props["resource_urn"] = pulumi.create_urn(resource_name, TOKEN, opts.parent if opts else None).future()
        hook = pulumi.ResourceHook(f"avd-image-update-complete-{resource_name}", fail_when_incomplete)
        hooks = pulumi.ResourceHookBinding(after_create=[hook], after_update=[hook])
        opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(hooks=hooks))
        super().__init__(HostPoolImageUpdateProvider(), resource_name, props, opts)


def fail_when_incomplete(args: pulumi.ResourceHookArgs) -> None:
    """After create and update: fail the deployment where hosts are left, unless the declaration says otherwise, or they
    are left as declared: for the next maintenance window, the canary's approval, or another rollout's end. The state is
    saved by then, so that the next run goes on from it."""
    outputs, inputs = args.new_outputs or {}, args.new_inputs or {}
    wanted, status = inputs.get("fail_when_incomplete"), outputs.get("status")
    as_declared = status == "paused" and (outputs.get("goes_on") or outputs.get("waits_for"))
    if status in ("complete", "scheduled", "queued") or as_declared or wanted is False:
        return
    raise HostPoolImageUpdateFailed(str(outputs.get("summary") or f"the update is {outputs.get('status')}"))


def _roll(props: dict[str, Any]) -> dict[str, Any]:
    """Run the update; returns the outputs."""
    from providers import properties
    from providers.rolling import roll
    from providers.runtime import runtime

    declared = properties.pinned(props)
    engine = runtime()
    done = engine.run(roll(declared, str(props.get("resource_urn") or ""), engine.stop))
    return properties.outputs(props, done)


def _tell(seen: Look, props: dict[str, Any]) -> None:
    """Notes and warnings of a look, beside the resource."""
    lines = [*([seen.problem] if seen.problem else []), *seen.warnings]
    if not lines and not seen.why_not:
        return
    from providers.engine_log import EngineLog

    log = EngineLog(str(props.get("resource_urn") or ""))
    if seen.why_not:
        log.info(f"not promoted: {seen.why_not}")
    for line in lines:
        log.warning(line)
    log.close()

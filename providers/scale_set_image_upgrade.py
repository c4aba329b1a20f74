"""`ScaleSetImageUpgrade`: the instances of a scale set on the latest version of its image, as a Pulumi resource.

Creating and updating are the same operation: begin Azure's rolling upgrade where Azure does not, or join the one that
runs, and watch it to its end; where all instances run the latest version nothing is done. Deleting changes nothing. The
token and the provider class's path are in the state of every stack for ever: neither may change, and the class has no
state and no arguments. What it does is in `watched_upgrade.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pulumi
from pulumi.dynamic import Resource

from providers import watched_upgrade
from providers.arguments import plain
from providers.failure import ScaleSetImageUpgradeFailed
from providers.image_upgrade_args import ScaleSetImageUpgradeArgs
from providers.watched_upgrade import WatchedUpgradeProvider

__all__ = ["ScaleSetImageUpgrade", "ScaleSetImageUpgradeArgs", "ScaleSetImageUpgradeProvider"]

TOKEN = "pulumi-python:dynamic/avd:ScaleSetImageUpgrade"

OUTPUTS = (*watched_upgrade.OUTPUTS, "instances")
"""Names of the outputs that are no inputs; `plan` and `state` are added to the inputs."""


class ScaleSetImageUpgradeProvider(WatchedUpgradeProvider):
    """What Pulumi calls; its path is in the state."""

    what: ClassVar[str] = "scale set"


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

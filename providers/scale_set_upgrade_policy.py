"""`ScaleSetUpgradePolicy`: how an existing scale set rolls new OS images out, as a Pulumi resource.

Creating and updating are the same operation: the declared settings are written where the scale set differs, and what
was found is kept in the outputs. Deleting gives it back. Another scale set replaces the resource. The token and the
provider class's path are in the state of every stack for ever: neither may change, and the class has no state and no
arguments.

Imports are late, inside the methods: the program's process needs none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import Resource

from providers.adopting import AdoptingProvider, Setting
from providers.arguments import plain
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

if TYPE_CHECKING:
    from providers.declared_inputs import DeclaredInputs

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


class ScaleSetUpgradePolicyProvider(AdoptingProvider):
    """What Pulumi calls, in a process of its own."""

    def properties(self) -> DeclaredInputs[Any]:
        from providers.scale_set_inputs import PROPERTIES

        return PROPERTIES

    def setting(self) -> Setting:
        from providers import scale_setting

        return scale_setting


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

"""The key `targets`: host pools, scale sets and Batch pools that follow one image, and what cannot be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from program.config import ConfigError
from program.resource_inputs import Inputs
from program.resources import resources
from program.targets import BATCH_POOL, HOST_POOL, SCALE_SET, Target
from providers.watched_inputs import BATCH_POOL as BATCH_INPUTS
from providers.watched_inputs import SCALE_SET as SCALE_SET_INPUTS
from tests.program.test_config import GROUP, POOL, VALID, read
from tests.program.test_main import run  # noqa: F401
from tests.support.pulumi_mocks import Recorder

SET = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/web"
BATCH = f"{GROUP}/providers/Microsoft.Batch/batchAccounts/render/pools/frames"
OTHER = f"{GROUP}-2/providers/Microsoft.DesktopVirtualization/hostPools/hp2"
ALL = [{"scale_set_id": SET, "start": "now"}, {"batch_pool_id": BATCH, "limit": "P1D"}]
FULL: Inputs = resources()["HostPoolImageUpdate"]


def lines(**changes: Any) -> list[str]:
    with pytest.raises(ConfigError) as error:
        read(VALID | changes)
    first, *rest = str(error.value).split("\n")
    assert first == "the stack configuration is wrong:"
    return [line.strip() for line in rest]


def test_they_are_read_with_their_inputs() -> None:
    assert read(VALID | {"targets": ALL}).targets == (
        Target(SCALE_SET, SET, {"start": "now"}),
        Target(BATCH_POOL, BATCH, {"limit": "P1D"}),
    )
    assert read(VALID).targets == ()


def test_a_host_pool_among_them_has_what_rollout_says_but_for_its_own() -> None:
    [target] = read(VALID | {"targets": [{"host_pool_id": OTHER, "max_unavailable": "10%"}]}).targets
    assert (target.kind, target.name) == (HOST_POOL, "hp2")
    assert target.inputs == {**VALID["rollout"], "max_unavailable": "10%"}


def test_a_stack_may_have_targets_only() -> None:
    settings = read({**VALID, "host_pool_id": None, "rollout": None, "targets": ALL})
    assert (settings.host_pool_id, settings.home) == ("", SET)
    role = settings.update_role
    assert role is not None and (role.host_pool_id, role.scale_set_ids, role.batch_pool_ids) == ("", [SET], [BATCH])


def test_the_role_has_the_rights_for_each() -> None:
    role = read(VALID | {"targets": [*ALL[:1], {"host_pool_id": OTHER}]}).update_role
    assert role is not None and (role.host_pool_id, role.other_host_pool_ids) == (POOL, [OTHER])
    assert role.host_resource_groups == [GROUP, f"{GROUP}-2"] and role.scale_set_ids == [SET]


@pytest.mark.parametrize(
    ("targets", "line"),
    [
        ([{"start": "now"}], 'targets[0]: {"start": "now"} names no target; write exactly one of host_pool_id'),
        ([{"scale_set_id": SET, "batch_pool_id": BATCH}], "names several; write exactly one of host_pool_id"),
        ([{"scale_set_id": "web"}], 'targets[0].scale_set_id: "web" is not valid; write /subscriptions/'),
        ([{"scale_set_id": SET, "strat": "now"}], "targets[0].strat: is no known key; did you mean start?"),
        ([{"scale_set_id": SET, "version": "1.0.0"}], "targets[0].version: does not belong here; it comes from"),
        ([{"batch_pool_id": BATCH, "start": "now"}], "targets[0].start: is no known key; known are begin_within"),
        ([{"scale_set_id": SET}, {"scale_set_id": SET}], f'targets[1].scale_set_id: "{SET}" is listed twice'),
        ([{"host_pool_id": POOL}], "is the stack's own host pool; leave it out here"),
        (
            [{"scale_set_id": SET}, {"batch_pool_id": BATCH.replace("frames", "web")}],
            "has the name of another target; put one of them into a stack of its own",
        ),
        ([*ALL, {"host_pool_id": OTHER}], "targets: makes 4 with the stack's host pool: no more than 3 roll at"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line_with_a_remedy(targets: list[Any], line: str) -> None:
    assert line in "\n".join(lines(targets=targets))


def test_what_azure_rolls_cannot_wait_for_a_promotion() -> None:
    [line] = lines(image_version=None, promote_from={"stack": "test"}, targets=ALL[:1])
    assert line.startswith("targets[0].scale_set_id: cannot wait for a promotion: Azure rolls out whatever is latest;")


def test_a_host_pool_of_its_own_needs_what_rollout_does_not_say() -> None:
    with pytest.raises(ConfigError, match=r"targets\[0\]\.local_admin: is missing; write it here, or in rollout"):
        read({**VALID, "host_pool_id": None, "rollout": None, "targets": [{"host_pool_id": OTHER}]}, FULL)


def test_the_program_declares_each_for_the_same_image_and_version(run: Callable[..., Recorder]) -> None:  # noqa: F811
    made = run(targets=[*ALL[:1], {"batch_pool_id": BATCH}])
    declared = {args.name: dict(args.inputs) for args in made.declared if args.typ.startswith("pulumi-python:dynamic")}
    assert set(declared) == {"image-update", "scale-set-web", "batch-pool-frames"}
    update, scale_set, nodes = (declared[name] for name in ("image-update", "scale-set-web", "batch-pool-frames"))
    assert update["image"] == scale_set["image"] == nodes["image"] == "id of images-win11"
    assert update["version"] == scale_set["version"] == nodes["version"] == "1.0.0"
    assert scale_set["scale_set_id"] == SET and scale_set["start"] == "now" and nodes["pool_id"] == BATCH
    given = {"image": f"{GROUP}/providers/Microsoft.Compute/galleries/avd/images/win11"}
    assert SCALE_SET_INPUTS.validate(SCALE_SET_INPUTS.declared({**scale_set, **given})).problems == ()
    assert BATCH_INPUTS.validate(BATCH_INPUTS.declared({**nodes, **given})).problems == ()


def test_the_program_without_a_pool_of_its_own_declares_the_targets_only(run: Callable[..., Recorder]) -> None:  # noqa: F811
    made = run(host_pool_id=None, rollout=None, update_role=None, targets=ALL[:1])
    assert [args.name for args in made.declared if args.typ.startswith("pulumi-python:dynamic")] == ["scale-set-web"]

"""What a stack declares, from its configuration file alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from program.stack import NoStack, read
from providers.golden_image_inputs import validate
from rollout.declaration import parse

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["dev", "test", "prod", "emulator"])
def test_each_example_declares_a_rollout(name: str) -> None:
    stack = read(name, PROJECT / "stacks")
    declared = parse(stack.inputs("https://kv.vault.azure.net"))
    assert declared.host_pool_id == stack.settings.host_pool_id and declared.version == stack.settings.image_version
    golden = stack.golden_image("https://kv.vault.azure.net")
    assert (golden is not None) == (name == "dev")
    if golden is not None:
        assert not validate(golden).problems and golden["image"] == stack.image
    assert declared.local_admin is not None
    assert declared.local_admin.password_secret == "https://kv.vault.azure.net/secrets/local-admin-password"


def test_the_pool_that_a_version_is_promoted_from_is_that_of_the_other_stack() -> None:
    declared = parse(read("prod", PROJECT).inputs("https://kv.vault.azure.net"))
    assert declared.promote_from is not None
    assert declared.promote_from.host_pool_id == read("test", PROJECT).settings.host_pool_id


def test_a_gallery_that_the_stack_makes_is_named_by_its_id() -> None:
    group = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/avd"
    assert read("emulator", PROJECT).image == f"{group}/providers/Microsoft.Compute/galleries/avd/images/win11"
    assert read("organization/avd/prod", PROJECT).image.endswith("/galleries/avd.images/images/win11-m365")


def test_what_is_missing_is_told_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(NoStack, match=r"no stack pord: .*stacks/Pulumi\.pord\.yaml does not exist; there are dev, em"):
        read("pord", PROJECT)
    with pytest.raises(NoStack, match=r"no Pulumi\.yaml in .* --stack is asked for in the folder of the program"):
        read("prod", tmp_path)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("p:image_version: one", 'image_version: "one" is not valid; write x.y.z'),
        ("p:image_version: {secure: AAAB}", "p:image_version is encrypted"),
        ("p:image_version: [", "cannot be read"),
    ],
)
def test_what_is_wrong_in_it_is_told_with_the_file(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: p\n")
    file = tmp_path / "Pulumi.trial.yaml"
    file.write_text(f"config:\n  {line}\n")
    with pytest.raises(NoStack) as failed:
        read("trial", tmp_path)
    assert str(file) in str(failed.value) and said in str(failed.value)

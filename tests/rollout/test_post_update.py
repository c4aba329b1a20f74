"""What is done on an updated host before it is verified: declared, installed, run, and what comes of a failure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollout.declaration import parse
from rollout.errors import InvalidDeclaration
from rollout.extensions import Class, classify
from rollout.phases import next_step
from rollout.record import Phase
from rollout.steps import CheckGuest, Fail, InstallExtension, Memory, RunPostUpdate, Step
from simulation.emulated_pool import INPUTS
from simulation.virtual_time import virtually
from tests.rollout.literals import AD, AD_JOIN, DSC, extension, goal, record, session_host, view, vm
from tests.support.observed import NOW, SECRETS, host, pool
from tests.support.pools import bench
from tests.support.prechecked import findings

RMM = {"name": "rmm", "publisher": "Contoso.Rmm", "type": "RmmAgent", "version": "1.0"}
ON_VM = ("rmm", "Contoso.Rmm", "RmmAgent")
DECLARED: dict[str, Any] = {"script": ["exit 0"], "extensions": [RMM]}


def step(*extensions: Any, state: str = "Succeeded", ago: float = 600.0, kept: str = "", **memory: Any) -> Step:
    on = vm(extensions=[extension(DSC), extension(AD_JOIN), *extensions])
    found = replace(record(Phase.REJOIN, ago=ago), k=kept)
    remembered = Memory(up_since=NOW - ago, **memory)
    inputs = {"join": AD, "post_update": DECLARED, "verify": {"timeout": "PT30M"}}
    at = view(found, on, session_host=session_host(allowNewSession=False), memory=remembered)
    return next_step(at, goal(**inputs))


def test_extensions_come_first_then_the_script_then_the_checks() -> None:
    install = step()
    assert isinstance(install, InstallExtension) and install.extension.name == "rmm"
    assert step(extension(ON_VM)) == RunPostUpdate()
    assert step(extension(ON_VM), post_updated=True) == CheckGuest()
    assert isinstance(step(extension(ON_VM, "Failed")), InstallExtension)


def test_a_kept_disk_that_comes_back_had_it() -> None:
    assert not isinstance(step(kept="old-disk"), InstallExtension | RunPostUpdate)


def test_it_counts_against_the_time_in_which_a_host_must_be_healthy() -> None:
    late = step(ago=1801)
    assert isinstance(late, Fail) and "post_update" in late.reason


def test_an_extension_that_is_declared_is_kept_and_no_surprise() -> None:
    on = vm(extensions=[extension(ON_VM)]).extensions[0]
    assert classify(on) is Class.UNKNOWN
    assert classify(on, parse({**INPUTS, "post_update": DECLARED}).post_update.kinds) is Class.KEEP


async def test_the_pre_checks_know_it() -> None:
    known = pool([host("vm-0", vm={"resources": [extension(ON_VM)[0]]})])
    ids = [found.id for found in await findings(known, mode="start")]
    assert "unknown-extension" in ids
    ids = [found.id for found in await findings(known, mode="start", post_update=DECLARED)]
    assert "unknown-extension" not in ids


@pytest.mark.parametrize(
    ("prop", "given", "remedy"),
    [
        ("post_update.secrets.Token", {"secrets": {"Token": f"{SECRETS}/a"}}, "begin post_update.script with"),
        ("post_update.secrets", {"script": ["x"], "secrets": {"my token": f"{SECRETS}/a"}}, '"SiteToken"'),
        ("post_update.secrets.Token", {"script": ["x"], "secrets": {"Token": "s3cret"}}, "/secrets/<name>"),
        (
            "post_update.extensions[1].type",
            {"extensions": [RMM, {**RMM, "name": "again"}]},
            "put all settings into one",
        ),
        (
            "post_update.extensions[0].type",
            {"extensions": [{**RMM, "publisher": "Microsoft.Powershell", "type": "DSC"}]},
            "leave it out",
        ),
        (
            "post_update.extensions[0].protected_settings_secret",
            {"extensions": [{**RMM, "protected_settings_secret": "key=1"}]},
            "/secrets/<name>",
        ),
    ],
)
def test_bad_input_names_the_property_and_the_remedy(prop: str, given: dict[str, Any], remedy: str) -> None:
    with pytest.raises(InvalidDeclaration) as raised:
        parse({**INPUTS, "post_update": given})
    assert raised.value.prop == prop and remedy in raised.value.remedy


def test_settings_keep_their_numbers() -> None:
    given = {"extensions": [{**RMM, "settings": {"port": 8080.0, "share": 0.5, "list": [1.0]}}]}
    [declared] = parse({**INPUTS, "post_update": given}).post_update.extensions
    assert declared.body("here", None)["properties"]["settings"] == {"port": 8080, "share": 0.5, "list": [1]}


# -- whole rollouts


def test_it_runs_once_on_each_new_disk_with_its_secrets_and_stays_on_the_vm(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        vault = "https://localhost/keyvault/avd-kv/secrets"
        declared = {
            "script": ["param([string]$Token)", "Write-Output $Token", "exit 0"],
            "secrets": {"Token": f"{vault}/local-admin-name"},
            "extensions": [RMM],
        }
        outcome = await made.roll(post_update=declared)
        assert outcome.status == "complete", outcome.summary
        ran = [s for s in made.emulator.world.sections["guest_scripts"] if "Write-Output $Token" in s["script"]]
        assert sorted(s["vm"].rsplit("/", 1)[-1] for s in ran) == ["vm-0", "vm-1"]
        kinds = [[child["name"].rsplit("/", 1)[-1] for child in made.vm(f"vm-{n}")["resources"]] for n in range(2)]
        assert [kind.count("rmm") for kind in kinds] == [1, 1] and "Microsoft.PowerShell.DSC" not in kinds[0]
        # Azure installs it on the next disk by itself, which has to say so.
        again = await made.roll(version="1.0.0", keep_old_disk="PT0S", post_update={"extensions": [RMM]})
        assert again.status == "complete", again.summary

    virtually(story())


def test_a_script_that_fails_sends_the_host_back(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        outcome = await made.roll(post_update={"script": ["exit 3"]})
        assert outcome.status == "stopped" and "post_update.script: exit code 3" in outcome.failures[0][1]
        assert made.os_disk_image("vm-0") == made.os_disk_image("vm-1") == "1.0.0"

    virtually(story())

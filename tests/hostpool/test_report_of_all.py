"""`hostpool report` of a scale set, and of all targets of a stack in one page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from hostpool.main import main
from rollout.events import Event, EventLog, Kind, log_path
from simulation.scale_set import DEFINITION, SET, EmulatedScaleSet, emulated_scale_set
from simulation.virtual_time import virtually
from tests.hostpool.literal_azure import in_the_middle
from tests.hostpool.night import POOL, POOL_ID, night
from tests.hostpool.test_report_command import outline

BATCH = f"{SET.partition('/providers/')[0]}/providers/Microsoft.Batch/batchAccounts/render/pools/frames"


def written(folder: Path, events: list[Event], name: str) -> None:
    """An event log as a run leaves it."""
    started = next(event for event in events if event.kind is Kind.STARTED)
    log = EventLog(log_path(folder, name, str(started.data["rollout"]), int(started.data["attempt"])))
    for event in events:
        log(event)
    log.close()


async def upgraded() -> EmulatedScaleSet:
    made = await emulated_scale_set(3, rolling={"maxUnhealthyInstancePercent": 40})
    made.publish("1.0.1")
    await made.upgrade()
    return made


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return virtually(upgraded()).events


@pytest.fixture
def folder(tmp_path: Path, events: list[Event], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Logs of a scale set and of a host pool, in the folder of a program whose stack prod has both and a Batch pool."""
    written(tmp_path / "logs", events, "web")
    written(tmp_path / "logs", list(night()), POOL)
    (tmp_path / "Pulumi.yaml").write_text("name: avd\nruntime: python\nstackConfigDir: stacks\n")
    (tmp_path / "stacks").mkdir()
    rollout = {"join": {"type": "entra"}, "local_admin": {"username_secret": "https://v/secrets/a"}}
    config = {
        "location": "westeurope",
        "host_pool_id": POOL_ID,
        "image": DEFINITION,
        "image_version": "latest",
        "rollout": rollout,
        "targets": [{"scale_set_id": SET}, {"batch_pool_id": BATCH}],
    }
    (tmp_path / "stacks" / "Pulumi.prod.yaml").write_text(
        yaml.safe_dump({"config": {f"avd:{key}": value for key, value in config.items()}})
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path / "logs"


def report(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        main, ["--log-folder", str(folder), "report", "--offline", *arguments], obj=in_the_middle().world({})
    )


def test_a_scale_set_has_a_report_in_its_own_words(folder: Path) -> None:
    result = report(folder, "--host-pool", SET, "--output", "-")
    assert result.exit_code == 0, result.output
    page = outline(result.stdout)
    text = " ".join(" ".join(page.text).split())
    assert not page.open and not page.fetched
    assert "Scale set web" in text and "3 of 3 instances serve on 1.0.1." in text and "Timeline per instance" in text
    assert "Instances that are well" in text and "Instances that are not" in text
    assert not any(word in text for word in ("Users affected", "Sessions", "Hosts", " hosts", "host pool"))


def test_all_targets_of_a_stack_are_one_page(folder: Path) -> None:
    result = report(folder, "--stack", "prod")
    assert result.exit_code == 0, result.output
    path = Path(result.stdout.strip())
    assert path == folder / "prod.html"
    page = outline(path.read_text())
    text = " ".join(" ".join(page.text).split())
    assert not page.open and not page.fetched
    assert "3 targets of one image Stack prod" in text
    assert "web scale set 1.0.1 complete 3 of 3 0 0" in text and "frames Batch pool no run has watched it here" in text
    assert "Host pool hp-finance" in text and "Scale set web" in text and "Users affected" in text
    assert path.read_text().count('id="grid0"') == path.read_text().count('id="grid1"') == 1


def test_all_targets_of_a_stack_are_one_json(folder: Path) -> None:
    told = json.loads(report(folder, "--stack", "prod", "--json").stdout)
    assert [target["pool"].rsplit("/", 1)[-1] for target in told["targets"]] == ["hp-finance", "web"]
    assert told["without"] == [{"name": "frames", "kind": "Batch pool"}]


def test_a_stack_of_which_nothing_was_watched_says_where_logs_lie(folder: Path, tmp_path: Path) -> None:
    result = report(tmp_path / "empty", "--stack", "prod")
    assert result.exit_code == 2 and "no event log of a target of stack prod" in result.stderr

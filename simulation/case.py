"""A simulated story as data: the pool, what is declared, who runs, what goes wrong. It can be written down as JSON and
replayed, and made smaller part by part."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from simulation.process import Kill, Pause, Process, Side

Body = dict[str, Any]


@dataclass(frozen=True)
class Runner:
    """One `pulumi up`. `after`: seconds after the story's beginning; it begins anyway when nobody runs any more.
    `write`, `kind`, `side` and `at` are where it is killed, `pause_at`, `pause_for` and `sending` where it stands
    still."""

    after: float = 0.0
    write: int | None = None
    side: Side = "before"
    at: float | None = None
    pause_at: float | None = None
    pause_for: float = 0.0
    sending: bool = False
    skew: float = 0.0
    kind: str = ""

    def process(self, name: str) -> Process:
        pause = Pause(self.pause_at, self.pause_for, self.sending) if self.pause_at is not None else None
        return Process(name, Kill(self.write, self.side, self.at, self.kind), pause, self.skew)

    @property
    def disturbed(self) -> bool:
        """It does not simply run to its end."""
        return self.write is not None or self.at is not None or self.pause_at is not None


@dataclass(frozen=True)
class Deed:
    """What an administrator does: `kind` is one of `deeds.DEEDS`, `host` the number of a VM. It happens when that host
    enters `phase` (`delay` seconds later), or, without one, `delay` seconds after the beginning. With a `delay` below 0
    it gets in between: it happens when the write that enters the phase is on its way."""

    kind: str
    host: int = 0
    phase: str = ""
    delay: float = 0.0


@dataclass(frozen=True)
class Case:
    """One story. `pool` are options of the emulator's scenario, `inputs` changes of the declaration, `faults` rules of
    the emulator. `lasting` faults are of the image or the place and stay; the others are over when the calm begins."""

    seed: int
    pool: Body
    inputs: Body
    runners: tuple[Runner, ...] = (Runner(),)
    faults: tuple[Body, ...] = ()
    lasting: tuple[Body, ...] = ()
    deeds: tuple[Deed, ...] = ()
    back: bool = False
    """After the rollout the former version is declared again: kept disks come back."""

    @property
    def hosts(self) -> int:
        return int(self.pool["hosts"])

    @property
    def bad_image(self) -> bool:
        """Every host fails on the new image."""
        return any(rule["effect"].get("host") == "^vm-" for rule in self.lasting)

    def uncrashed(self) -> Case:
        """The same story with one runner that nothing disturbs."""
        return replace(self, runners=(Runner(),))

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def of_json(text: str) -> Case:
        """The case of a line. Raises ValueError."""
        given = json.loads(text)
        unknown = set(given) - {field.name for field in fields(Case)}
        if unknown:
            raise ValueError(f"a case has no {', '.join(sorted(unknown))}")
        return Case(
            **{
                **given,
                "runners": tuple(Runner(**each) for each in given.get("runners", ())),
                "deeds": tuple(Deed(**each) for each in given.get("deeds", ())),
                "faults": tuple(given.get("faults", ())),
                "lasting": tuple(given.get("lasting", ())),
            }
        )

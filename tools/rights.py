"""Show the custom role on the emulator: every right is used, needed and predicted.

python -m tools.rights: a line for each right; exit code 1 where one is not shown or not predicted.
"""

from __future__ import annotations

import runpy
import sys
import tempfile
from pathlib import Path

from simulation.rights.grants import Grants, Right
from simulation.rights.scenarios import SCENARIOS
from simulation.rights.verdict import Laboratory, all_rights, scenario_of
from simulation.virtual_time import virtually

SOURCE = Path(__file__).resolve().parent.parent / "components" / "update_role_actions.py"


def declared() -> Grants:
    """The role that `components` declares, read without Pulumi, which the package would import."""
    role = runpy.run_path(str(SOURCE))
    actions, data = (
        {str(p): found for p, found in role[name].items() if found} for name in ("ACTIONS", "DATA_ACTIONS")
    )
    return Grants(actions, data)


def main() -> int:
    grants = declared()
    with tempfile.TemporaryDirectory() as folder:
        laboratory = Laboratory(grants, Path(folder))
        seen = {name: virtually(laboratory.used(name)) for name in SCENARIOS}
        verdicts = [virtually(laboratory.without(each, seen[scenario_of(each)].ended)) for each in all_rights(grants)]
    for verdict in verdicts:
        print(verdict.line())
    used: set[Right] = {right for each in seen.values() for right in each.rights}
    role = {verdict.right for verdict in verdicts if verdict.right[0] != "graph"}
    for purpose, action in sorted(role - used):
        print(f"{purpose:8} {action}: in the role, and used by no scenario")
    for purpose, action in sorted(used - role):
        print(f"{purpose:8} {action}: used, and not in the role")
    shown = sum(verdict.shown for verdict in verdicts)
    predicted = sum(verdict.foretold for verdict in verdicts)
    print(f"{len(SCENARIOS)} scenarios; the rights used are those of the role: {'yes' if used == role else 'NO'}")
    print(f"{len(verdicts)} actions, {shown} shown, {predicted} predicted")
    return 0 if used == role and shown == predicted == len(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())

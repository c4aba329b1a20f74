"""Commands of the small PowerShell for what comes through the pipe: Select-Object, Where-Object, Select-String."""

from __future__ import annotations

import fnmatch
import re
from typing import Any

from emulator.powershell import Arguments
from emulator.powershell_values import to_string
from emulator.wire import Body


def nothing(arguments: Arguments) -> None:
    return None


def one(arguments: Arguments, position: int) -> Any:
    """What a converting command converts: its input object, from the pipe or as an argument."""
    if arguments.piped is not None:
        return arguments.piped[0] if len(arguments.piped) == 1 else arguments.piped
    return arguments.get("inputobject", position)


def select(arguments: Arguments) -> Any:
    items = arguments.piped or []
    first = arguments.get("first")
    if first is not None:
        items = items[: int(first)]
    last = arguments.get("last")
    if last is not None:
        items = items[-int(last) :]
    name = arguments.get("expandproperty")
    if name is not None:
        found = [v for i in items if isinstance(i, dict) for k, v in i.items() if k.lower() == to_string(name).lower()]
        return found if len(found) != 1 else found[0]
    names = arguments.positional[0] if arguments.positional else None
    if names is None:
        return items
    wanted = [to_string(n).lower() for n in (names if isinstance(names, list) else [names])]
    return [{k: v for k, v in i.items() if k.lower() in wanted} for i in items if isinstance(i, dict)]


def select_string(arguments: Arguments) -> list[Body]:
    """Lines that match a pattern, from the pipe."""
    pattern = to_string(arguments.get("pattern", 0))
    lines = [to_string(line) for line in arguments.piped or []]
    return [{"Line": line} for line in lines if re.search(pattern, line, re.IGNORECASE)]


def where(arguments: Arguments) -> Any:
    """`Where-Object Name -eq value` and -like, -match; a script block lets everything pass."""
    items = arguments.piped or []
    if not arguments.positional or not items or not all(isinstance(item, dict) for item in items):
        return items
    name = to_string(arguments.positional[0]).lower()
    kept = []
    for item in items:
        value = to_string(next((v for k, v in item.items() if k.lower() == name), None)).lower()
        wanted = {n: to_string(w).lower() for n, w in arguments.named.items()}
        if (
            ("eq" not in wanted or value == wanted["eq"])
            and ("ne" not in wanted or value != wanted["ne"])
            and ("like" not in wanted or fnmatch.fnmatchcase(value, wanted["like"]))
            and ("match" not in wanted or re.search(wanted["match"], value) is not None)
        ):
            kept.append(item)
    return kept

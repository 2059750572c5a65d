"""A child process does not outlive its parent."""

from __future__ import annotations

import os
import subprocess
import sys
import time

PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[1], str(os.getpid())])
print(child.pid, flush=True)
time.sleep(60)
"""
CHILD = """
import sys, time
from testspace.core.children import end_with_parent
end_with_parent(int(sys.argv[1]))
open(f"/proc/{sys.argv[1]}/cmdline").close()
time.sleep(60)
"""


def test_a_child_ends_with_its_killed_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, CHILD], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        time.sleep(0.3)
        parent.kill()
    deadline = time.monotonic() + 10
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _alive(child)


def _alive(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as status:
            return status.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_it_ends_at_once_where_its_parent_is_another() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD, str(os.getpid() + 1)], timeout=20)
    assert done.returncode == 1

"""What the server of `forks` does once, before all else that it imports, for every process that it forks."""

from __future__ import annotations

import os

from testspace.core import children
from testspace.core.digests import code_digest

os.fsync = lambda file: None  # as in the tests' own process: see conftest
children.end_with_parent = lambda parent: None  # the parent of what is forked is the server
code_digest("experiments.run.live_run")  # reads and parses the package, and remembers it

"""What all tests share."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

from tests.choosing import pytest_ignore_collect
from tests.sharing import pytest_collection_modifyitems, pytest_xdist_make_scheduler
from tests.telling import pytest_configure

__all__ = ["pytest_collection_modifyitems", "pytest_configure", "pytest_ignore_collect", "pytest_xdist_make_scheduler"]


# Started in the background by a shell, this process ignores Ctrl-C, and so would every program that the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Agents and scripts begin `python3` hundreds of times: not by a version manager's shell script, which takes several times as long.
os.environ["PATH"] = f"{Path(sys.executable).resolve().parent}:{os.environ['PATH']}"

# No test fails for how slow the machine is just now.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

"""What all tests share."""

from __future__ import annotations

import gc
import signal

from hypothesis import HealthCheck, settings

from tests.choosing import pytest_ignore_collect
from tests.sharing import pytest_collection_modifyitems, pytest_xdist_make_scheduler
from tests.telling import pytest_configure

__all__ = ["pytest_collection_modifyitems", "pytest_configure", "pytest_ignore_collect", "pytest_xdist_make_scheduler"]

# Started in the background by a shell, this process ignores Ctrl-C, and so would every program that the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Modules, cases and parameters live until the end: to look through them for garbage as often as usual takes a twentieth of it all.
gc.set_threshold(20_000, 20, 20)

# No test fails for how slow the machine is just now.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

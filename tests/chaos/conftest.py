"""The lab's hosts for tests in which something breaks."""

from __future__ import annotations

from tests.lab.conftest import lab_hosts

__all__ = ["lab_hosts"]

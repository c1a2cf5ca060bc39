"""What tests of the agent share."""

from __future__ import annotations

import pytest

from windlass.hosts.channel import Channel


@pytest.fixture(scope="module")
def channel(windlass_agent: Channel) -> Channel:
    """The real agent, one for all tests of a file: whatever they ask of it, the next batch is a new one."""
    return windlass_agent

"""Open files of this process: more than 1,024 of them, and what a process may have."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, resource, sys
from windlass.errors import UsageError
from windlass.hosts.common.descriptors import READABLE, WRITABLE, make_room, ready
from windlass.hosts.common.target import Target

soft, hard, hosts = map(int, sys.argv[1:4])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
try:
    make_room([Target(name=str(each), address=str(each), transport=sys.argv[4]) for each in range(hosts)])
except UsageError as error:
    sys.exit(error.message)
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
if soft > 1500:
    reading, writing = (os.dup2(end, 1400 + end) for end in os.pipe())
    print(reading > 1024, ready(reading, READABLE, 0.0), ready(writing, WRITABLE, 0.0))
    os.write(writing, b"x")
    print(ready(reading, READABLE, 60.0))
"""


def allowed(soft: int, hard: int, hosts: int, transport: str = "openssh") -> list[str]:
    words = [sys.executable, "-c", PROGRAM, *map(str, (soft, hard, hosts)), transport]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=dict(os.environ))
    return (done.stdout + done.stderr).splitlines()


@pytest.mark.parametrize(
    ("soft", "hosts", "then"),
    [(256, 8, "256"), (256, 200, "928"), (256, 400, "400 hosts at once need 1728 open files, and this user may have 1024")],
)
def test_as_many_are_allowed_as_the_hosts_need_or_it_is_said_that_they_may_not(soft: int, hosts: int, then: str) -> None:
    assert allowed(soft, 1024, hosts) == [then]


def test_a_host_by_paramiko_needs_fewer() -> None:
    assert allowed(256, 1024, 400, "paramiko") == ["928"]


def test_one_of_many_is_waited_for_like_any_other() -> None:
    assert allowed(2000, 2000, 8) == ["2000", "True False True", "True"]

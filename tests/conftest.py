"""What all tests share."""

from __future__ import annotations

import signal

# Started in the background by a shell, this process ignores Ctrl-C, and so would every program that the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

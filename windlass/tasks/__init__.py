"""The tasks that a person types: each parses, opens what it needs, calls a flow and shows the result; no more."""

import sys

# Invoke's default is that nothing compiled is kept; what loads when a task runs would be compiled anew each time.
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)

from windlass.tasks import kept_code  # noqa: E402 - after the line above, which is about it

kept_code.start()

"""The tasks that a person types: each parses, opens what it needs, calls a flow and shows the result; no more."""

import gc
import sys

# Invoke's default is that nothing compiled is kept; what loads when a task runs would be compiled anew each time.
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)
# What a start makes stays: to look for garbage in it, every seven hundred objects, would be in vain. One look takes 7 ms.
gc.set_threshold(200_000, 20, 20)

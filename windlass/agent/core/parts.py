"""Modules of which the part in C is all that the agent needs: their other half makes enumerations of all numbers in them, or loads
what has the processor help with gigabytes, and takes longer for that than most of a batch.

Where a Python has no such part by this name, it is the whole module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["Empty", "SimpleQueue", "deque", "sha256", "signal", "socket"]

if TYPE_CHECKING:
    import signal
    import socket
    from collections import deque
    from hashlib import sha256
    from queue import Empty, SimpleQueue
else:
    try:
        import _signal as signal
        import _socket as socket
    except ImportError:
        import signal
        import socket
    try:
        from _collections import deque
    except ImportError:
        from collections import deque
    try:
        from _queue import Empty, SimpleQueue
    except ImportError:
        from queue import Empty, SimpleQueue
    try:
        from _sha2 import sha256  # since Python 3.12
    except ImportError:
        try:
            from _sha256 import sha256
        except ImportError:
            from hashlib import sha256

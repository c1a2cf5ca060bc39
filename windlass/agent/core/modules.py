"""The agent's own modules. The loop and what it needs came with it; what operations need, the controller sends before them.

On a plain Python that finds the agent on its disk, as some tests do, there is nothing to send and nothing to ask for.
"""

from __future__ import annotations

import sys
from typing import Any, Dict

import windlass.agent
from windlass.agent.core import quick_json
from windlass.agent.core.context import Context
from windlass.agent.core.frames import BrokenFrame, Bytes, decode


def learn(body: Bytes) -> None:
    """More modules: the body of a frame, or of what an answer holds. Raises BrokenFrame for what is none of ours."""
    known = _known()
    if known is None:
        _texts(bytes(body))
    else:
        known.learn(bytes(body), _texts)


def get(name: str, context: Context) -> Any:
    """One of them, which is asked for if it did not come by itself."""
    if name not in sys.modules:
        known = _known()
        if known is not None and name not in known:
            learn(quick_json.short(context.ask({"want": "modules", "name": name}).get("modules", {})).encode())
        __import__(name)
    return sys.modules[name]


def _texts(body: bytes) -> Dict[str, str]:
    sources = decode(body)
    for name, source in sources.items():
        if not name.startswith("windlass.agent.") or not isinstance(source, str):
            raise BrokenFrame("not one of the agent's modules: %.80r" % name)
    return sources


def _known() -> Any:
    """Who loads them (`loader.Modules`)."""
    loader = windlass.agent.__spec__.loader if windlass.agent.__spec__ else None
    return loader if hasattr(loader, "learn") else None

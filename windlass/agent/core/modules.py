"""The agent's own modules. The loop and what it needs came with it; what operations need, the controller sends before them.

On a plain Python that finds the agent on its disk, as some tests do, there is nothing to send and nothing to ask for.
"""

from __future__ import annotations

from typing import Any, Dict, Optional

import windlass.agent
from windlass.agent.core.context import Context
from windlass.agent.core.frames import BrokenFrame


def learn(sources: Dict[str, Any]) -> None:
    """More modules, by their names. Raises BrokenFrame for what is none of ours."""
    known = _known()
    for name, source in sources.items():
        if not name.startswith("windlass.agent.") or not isinstance(source, str):
            raise BrokenFrame("not one of the agent's modules: %.80r" % name)
        if known is not None:
            known[name] = source.encode()


def have(name: str, context: Context) -> None:
    """See that a module can be imported: ask for one that did not come by itself."""
    known = _known()
    if known is not None and name not in known:
        learn(dict(context.ask({"want": "modules", "name": name}).get("modules", {})))


def _known() -> Optional[Dict[str, bytes]]:
    spec = windlass.agent.__spec__
    return getattr(spec.loader, "sources", None) if spec else None

"""What a call must look like before any of it is done; what an operation's own arguments must be, it says itself."""

from __future__ import annotations

from typing import Any, Dict, Union

from windlass.agent.core.frames import CALL, BrokenFrame, decode

FIELDS = {"kind": str, "arguments": dict, "only_after": list, "notified_by": dict, "notifies": list, "identity": str}

LOCK = {"name", "holder", "purpose"}


def read(body: Union[bytes, bytearray]) -> Dict[str, Any]:
    """A call whose operations have all fields and refer to earlier ones only. Raises BrokenFrame."""
    call = decode(body, CALL)
    for index, operation in enumerate(call["operations"]):
        if not isinstance(operation, dict):
            raise BrokenFrame("operation %d is not an object" % index)
        for name, kind in FIELDS.items():
            if not isinstance(operation.get(name), kind):
                raise BrokenFrame("%s of operation %d is missing or not what it should be" % (name, index))
        for wanted in [operation["only_after"], *operation["notified_by"].values()]:
            _check_indexes(wanted, index)
        _check_texts(operation["notifies"])
    _check_texts(call["secrets"])
    _check_lock(call.get("alone"))
    if not all(isinstance(stream, int) for stream in call.get("given", {}).values()):
        raise BrokenFrame("not streams: %.80r" % (call["given"],))
    if not isinstance(call.get("before", []), list):
        raise BrokenFrame("not a list of what is done: %.80r" % (call["before"],))
    return call


def _check_indexes(wanted: Any, index: int) -> None:
    if not isinstance(wanted, list) or not all(isinstance(one, int) and 0 <= one < index for one in wanted):
        raise BrokenFrame("operation %d refers to %.80r" % (index, wanted))


def _check_lock(alone: Any) -> None:
    if alone is None:
        return
    if not isinstance(alone, dict) or set(alone) != LOCK or "/" in str(alone["name"]):
        raise BrokenFrame("not a lock: %.80r" % (alone,))
    _check_texts(alone.values())


def _check_texts(values: Any) -> None:
    if not all(isinstance(value, str) for value in values):
        raise BrokenFrame("not texts: %.80r" % (values,))

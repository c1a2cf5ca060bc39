"""A stream in equal parts, each sent to an address of its own that the controller gives when the part is there.

Two parts are in memory at most: one on its way, one that fills. A part that fails is sent again, the others are not; the
address is good for this part's very bytes alone.
"""

from __future__ import annotations

import base64
import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Dict, Iterable, Iterator, List, Optional, Union

from windlass.agent.core import http
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds before each further try
HOPELESS = (400, 404, 405, 411, 412, 413, 507)  # another try would end in the same way
EXPIRED = 403  # the address may have been too old: it is asked for anew, twice

Part = Union[bytes, bytearray]


def split(chunks: Iterable[bytes], size: int) -> Iterator[bytearray]:
    """The same bytes in parts of exactly `size` bytes, but for the last one, which may be smaller; at least one part."""
    part = bytearray()
    first = True
    for chunk in chunks:
        view = memoryview(chunk)
        while view:
            room = size - len(part)
            part += view[:room]
            view = view[room:]
            if len(part) == size:
                yield part
                part, first = bytearray(), False
    if part or first:
        yield part


def upload(chunks: Iterable[bytes], size: int, context: Context) -> List[Dict[str, Any]]:
    """Send all of it; for each part its `number`, `bytes`, `sha256` and what the store calls it, `etag`. Raises OperationError."""
    done: List[Dict[str, Any]] = []
    under_way: "Optional[Future[Dict[str, Any]]]" = None
    sender = ThreadPoolExecutor(1)
    try:
        for number, part in enumerate(split(chunks, size), 1):
            if under_way is not None:
                done.append(under_way.result())
            under_way = sender.submit(_sent, number, part, context)
        if under_way is not None:
            done.append(under_way.result())
        return done
    finally:
        sender.shutdown(wait=False)


def _sent(number: int, part: Part, context: Context) -> Dict[str, Any]:
    """One part, tried until it is there or there is no point."""
    sha256 = hashlib.sha256(part).hexdigest()
    md5 = base64.b64encode(hashlib.md5(part).digest()).decode()  # noqa: S324 - S3 checks parts with it on their way
    question = {"want": "part", "number": number, "bytes": len(part), "sha256": sha256, "md5": md5}
    refusals = 0
    for pause in (*PAUSES, None):
        context.check_wanted()
        given = context.ask(question)
        try:
            with http.request("PUT", given["url"], part, dict(given["headers"]), 200) as response:
                response.read()
                return {"number": number, "bytes": len(part), "sha256": sha256, "etag": response.headers.get("ETag", "")}
        except http.Refused as error:
            refusals += error.status == EXPIRED
            why = str(error)
            if error.status in HOPELESS or refusals > 2:
                break
        except http.BROKEN as error:
            why = http.told(error)
        if pause is not None:
            context.note("part %d: %s: %s, trying again" % (number, http.where(given["url"]), why))
            context.wait(pause)
    raise OperationError(
        "part %d could not be stored at %s: %s" % (number, http.where(given["url"]), why),
        hint="nothing was published, earlier backups are untouched; see whether the store is well and has room",
    )

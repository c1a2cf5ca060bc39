"""Proofs as they lie beside a backup: each is one file, with its signature inside, so that there is none without the other."""

from __future__ import annotations

import base64
import re
from typing import Final

from windlass.stores.manifest import Proof, stamp, written
from windlass.stores.signature import Signatures

PROOF: Final = "proof-"
UNSIGNED: Final = "it has no signature"
CHANGED: Final = "its signature is none of a key that is believed, or it was changed after it was written"
# The last member of the object. What is signed is the file as it would be without it, byte for byte.
_SIGNED: Final = re.compile(rb'(.*),\n  "signature": "([A-Za-z0-9+/]{86}==)"\n\}\n', re.DOTALL)
_END: Final = b"\n}\n"


def proof_file(proof: Proof, signatures: Signatures | None) -> tuple[str, bytes]:
    """The name and the content of the file that keeps a proof. Raises BackupError if there is no key and none can be made."""
    content = written(proof).encode()
    if signatures is not None:
        signature = base64.b64encode(signatures.signature_of(content))
        content = content.removesuffix(_END) + b',\n  "signature": "' + signature + b'"' + _END
    return f"{PROOF}{stamp(proof.at)}-{proof.kind}.json", content


def doubt_of(content: bytes, signatures: Signatures) -> str:
    """Why a proof cannot be believed; empty if it can. Raises BackupError for a key of ours that cannot be read."""
    found = _SIGNED.fullmatch(content)
    if found is None:
        return UNSIGNED
    return "" if signatures.is_believed(base64.b64decode(found[2]), found[1] + _END) else CHANGED

"""SSH packets of content, eight at a time: encrypted where they are to stand, and given to the kernel in one call.

Paramiko copies the content of each packet of 32 KB seven times and asks the kernel for each. That is most of what content costs the
controller. Only AES-GCM goes this way, which is asked for first; under every other cipher the packets are Paramiko's own.
"""

from __future__ import annotations

import os
import struct
import threading
from typing import TYPE_CHECKING, Any, Final

from paramiko.common import MSG_CHANNEL_DATA
from paramiko.packet import Packetizer

if TYPE_CHECKING:
    from collections.abc import Callable

    import paramiko

AT_ONCE: Final = 256 * 1024  # bytes of content that are encrypted before the kernel gets them
HEADROOM: Final = 64  # bytes that Paramiko leaves free in a packet of the other side's largest size
_FRONT: Final = struct.Struct(">IBBII")  # length of the packet, of its padding, kind, channel, length of the content
_LENGTH: Final = struct.Struct(">IB")
_TAG, _BLOCK, _LEAST_PADDING = 16, 16, 4


class Content:
    """Bytes for a channel that may fill many packets."""

    def __init__(self, channel: int, data: memoryview, largest: int) -> None:
        self.channel = channel
        self.data = data
        self.largest = largest


class Packets(Packetizer):
    """Paramiko's own, but for what is sent under AES-GCM."""

    def __init__(self, sock: Any) -> None:
        super().__init__(sock)
        self._engine: Any = None
        self._squeeze: Callable[[bytes], bytes] | None = None
        self._turn = threading.RLock()
        self._plain = self._sealed = bytearray()
        self._fixed, self._count = b"", 0
        self._packets_under_key = self._bytes_under_key = 0

    @property
    def takes_content(self) -> bool:
        """Whether `send_message` takes Content now."""
        return self._engine is not None and self._squeeze is None

    def set_outbound_cipher(self, *positional: Any, **named: Any) -> None:
        """New keys, from the next packet on."""
        with self._turn:
            super().set_outbound_cipher(*positional, **named)
            engine = named.get("block_engine") if named.get("aead") else None
            self._engine = engine if hasattr(engine, "encrypt_into") else None
            if self._engine is not None:
                nonce = named["iv_out"]
                self._fixed, self._count = nonce[:4], int.from_bytes(nonce[4:], "big")
            self._packets_under_key = self._bytes_under_key = 0

    def set_outbound_compressor(self, compressor: Any) -> None:
        """What packets pass through before they are encrypted."""
        super().set_outbound_compressor(compressor)
        self._squeeze = compressor

    def send_message(self, data: Any) -> None:
        """A message, or Content where that is taken."""
        if self._engine is None:
            super().send_message(data)
            return
        with self._turn:
            if isinstance(data, Content):
                self._send_content(data)
            else:
                self._send_one(data.asbytes())

    def _send_one(self, payload: bytes) -> None:
        if self._squeeze:
            payload = self._squeeze(payload)
        padding = _padding(1 + len(payload))
        plain = b"".join((_LENGTH.pack(1 + len(payload) + padding, padding), payload, os.urandom(padding)))
        sealed = plain[:4] + self._engine.encrypt(self._nonce(), plain[4:], plain[:4])
        self.write_all(sealed)
        self._sent(1, len(sealed))

    def _send_content(self, content: Content) -> None:
        for start in range(0, len(content.data), AT_ONCE):
            data = content.data[start : start + AT_ONCE]
            end = packets = 0
            noise = os.urandom(_LEAST_PADDING + _BLOCK)  # asked for once: for each packet it would take longer than to encrypt it
            for first in range(0, len(data), content.largest):
                end = self._seal(content.channel, data[first : first + content.largest], noise, end)
                packets += 1
            self.write_all(memoryview(self._sealed)[:end])
            self._sent(packets, end)

    def _seal(self, channel: int, data: memoryview, noise: bytes, start: int) -> int:
        """Encrypt one packet to where the last one ended, and say where this one ends."""
        padding = _padding(_FRONT.size - 4 + len(data))
        size = _FRONT.size + len(data) + padding
        end = start + size + _TAG
        self._make_room(size, end)
        _FRONT.pack_into(self._plain, 0, size - 4, padding, MSG_CHANNEL_DATA, channel, len(data))
        plain, sealed = memoryview(self._plain)[:size], memoryview(self._sealed)
        plain[_FRONT.size : size - padding] = data
        plain[size - padding :] = noise[:padding]
        sealed[start : start + 4] = plain[:4]
        self._engine.encrypt_into(self._nonce(), plain[4:], plain[:4], sealed[start + 4 : end])
        return end

    def _make_room(self, plain: int, sealed: int) -> None:
        if len(self._plain) < plain:
            self._plain = bytearray(plain + _BLOCK)
        if len(self._sealed) < sealed:
            self._sealed = self._sealed + bytearray(max(sealed, 2 * AT_ONCE) - len(self._sealed))

    def _nonce(self) -> bytes:
        """The next one: no two packets under the same key have the same. RFC 5647, 7.1."""
        nonce = self._fixed + self._count.to_bytes(8, "big")
        self._count = (self._count + 1) & 0xFFFFFFFFFFFFFFFF
        return nonce

    def _sent(self, packets: int, size: int) -> None:
        self._packets_under_key += packets
        self._bytes_under_key += size
        too_much = self._packets_under_key >= self.REKEY_PACKETS or self._bytes_under_key >= self.REKEY_BYTES
        if too_much and not self.need_rekey():
            self._trigger_rekey()  # type: ignore[attr-defined]  # it has no type


def _padding(size: int) -> int:
    """How many bytes fill up what is encrypted to whole blocks; at least four."""
    return _LEAST_PADDING + -(size + _LEAST_PADDING) % _BLOCK


def send_content(channel: paramiko.Channel, data: memoryview) -> int:
    """Send at least the beginning of it, as much as the other side has room for, and say how much that was; 0: it is closed.

    Raises TimeoutError, as the channel's own `send` does.
    """
    transport: Any = channel.get_transport()
    packetizer = transport.packetizer
    if len(data) <= channel.out_max_packet_size or not isinstance(packetizer, Packets) or not packetizer.takes_content:
        return channel.send(data)  # type: ignore[arg-type]  # any buffer will do
    with channel.lock:
        if channel.closed:
            raise OSError("the channel is closed")
        count: int = channel._wait_for_send_window(len(data))  # type: ignore[attr-defined]  # noqa: SLF001
        if count:
            more = min(len(data) - count, channel.out_window_size)
            channel.out_window_size -= more
            count += more
    if count:
        transport._send_user_message(  # noqa: SLF001
            Content(channel.remote_chanid, data[:count], channel.out_max_packet_size - HEADROOM)
        )
    return count

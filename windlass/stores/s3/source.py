"""Reading an object as a stream that goes on where it broke off."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from windlass.errors import BackupError
from windlass.stores.s3.bucket import Bucket

TRIES = 5
BUFFER = 1 << 18  # bytes


@dataclass(frozen=True, slots=True)
class S3Source:
    """An object that can be opened, as a path can."""

    bucket: Bucket
    key: str

    def open(self, mode: Literal["rb"] = "rb", buffering: int = BUFFER) -> BinaryIO:  # noqa: ARG002 - there is one mode
        return io.BufferedReader(_Body(self.bucket, self.key), buffering)

    def __str__(self) -> str:
        return f"{self.key} in {self.bucket.place}"


class _Body(io.RawIOBase):
    """Reads from the bucket; raises OSError when several tries in a row gave nothing."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket = bucket
        self._key = key
        self._at = 0
        self._length: int | None = bucket.size(key)
        self._stream: Any = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._length is None:
            raise FileNotFoundError(f"{self._key} is not there")
        why = "it ends too early"
        for _try in range(TRIES):
            if self._at >= self._length:
                return 0
            try:
                chunk = self._next(min(len(buffer), BUFFER))
            except (BackupError, OSError) as error:
                chunk, why = b"", str(error)
            if chunk:
                buffer[: len(chunk)] = chunk
                self._at += len(chunk)
                return len(chunk)
            self._hang_up()
        raise OSError(f"{self._key}: {why}")

    def close(self) -> None:
        self._hang_up()
        super().close()

    def _next(self, most: int) -> bytes:
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - slow to import
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - what a body that breaks off raises at times

        try:
            if self._stream is None:
                self._stream = self._bucket.body(self._key, self._at)
            chunk: bytes = self._stream.read(most)
        except (BotoCoreError, HTTPError) as error:
            raise OSError(str(error)) from error
        return chunk

    def _hang_up(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

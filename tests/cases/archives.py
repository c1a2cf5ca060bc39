"""Makes archives for the cases: `archives.py KIND FILE`; honest ones in every compression, and those that nobody should unpack."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

TEXT = b"hello\n"


def member(name: str, kind: bytes = tarfile.REGTYPE, *, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.mode, entry.mtime = kind, link, mode, 1_700_000_000
    entry.size = len(TEXT) if kind == tarfile.REGTYPE else 0
    return entry


def honest() -> list[tarfile.TarInfo]:
    return [
        member("app-1.0/", tarfile.DIRTYPE, mode=0o755),
        member("app-1.0/README"),
        member("app-1.0/bin/run", mode=0o755),
        member("app-1.0/bin/also", tarfile.SYMTYPE, link="run"),
        member("app-1.0/lib/hard", tarfile.LNKTYPE, link="app-1.0/README"),
    ]


def bad(kind: str) -> list[tarfile.TarInfo]:
    members = {
        "up": [member("app/../../evil")],
        "absolute": [member("/tmp/evil")],  # noqa: S108 - the name is never written
        "link-out": [member("l", tarfile.SYMTYPE, link="../../etc")],
        "link-absolute": [member("l", tarfile.SYMTYPE, link="/etc/passwd")],
        "through-link": [
            member("y", tarfile.SYMTYPE, link="a/b/../.."),  # harmless until both links are there; then two folders up
            member("b", tarfile.SYMTYPE, link="."),
            member("a", tarfile.SYMTYPE, link="."),
            member("y/evil"),
        ],
        "late-link": [member("y", tarfile.SYMTYPE, link="x/.."), member("x", tarfile.SYMTYPE, link=".")],
        "hard-out": [member("l", tarfile.LNKTYPE, link="../../etc/passwd")],
        "device": [member("null", tarfile.CHRTYPE)],
        "pipe": [member("pipe", tarfile.FIFOTYPE)],
    }
    return members[kind]


def tar_of(members: list[tarfile.TarInfo]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for entry in members:
            archive.addfile(entry, io.BytesIO(TEXT))
    return buffer.getvalue()


def without_dates(raw: bytes) -> bytes:
    """As programs make it that know no time: month and day are nought."""
    dated = zip_member("", 0).date_time
    packed = ((dated[0] - 1980) << 9 | dated[1] << 5 | dated[2]).to_bytes(2, "little")
    return raw.replace(packed, b"\0\0")


def zip_of(*, link: str = "run", damaged: bool = False) -> bytes:
    """As `zip -y` makes it: a link is a file with its target as content."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, mode, data in (
            ("app-1.0/", 0o40755, b""),
            ("app-1.0/README", 0o100644, TEXT),
            ("app-1.0/bin/run", 0o104755, TEXT),
        ):
            archive.writestr(zip_member(name, mode), data)
        archive.writestr(zip_member("app-1.0/bin/also", 0o120777), link)
    raw = buffer.getvalue()
    return raw.replace(TEXT, b"HELLO\n", 1) if damaged else raw


def zip_member(name: str, mode: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, (2023, 11, 14, 22, 13, 20))
    entry.external_attr = mode << 16
    return entry


def content(kind: str) -> bytes:
    if kind.startswith("zip"):
        made = zip_of(link="../../../etc" if kind == "zip-link" else "run", damaged=kind == "zip-damaged")
        return without_dates(made) if kind == "zip-undated" else made
    plain = tar_of(honest())
    if kind == "setuid":
        return tar_of([member("run", mode=0o4755), member("shared", tarfile.DIRTYPE, mode=0o2755)])
    if kind == "twice":
        return tar_of([member("f"), member("g", tarfile.SYMTYPE, link="f"), member("g")])
    if kind in ("tar", "tar.gz", "tar.zst"):
        return {"tar": plain, "tar.gz": gzip.compress(plain, mtime=0), "tar.zst": zstd(plain)}.get(kind, b"")
    if kind.startswith("cut"):
        return gzip.compress(plain, mtime=0)[:-40] if kind == "cut-gz" else zstd(plain)[:-8]
    return b"this is no archive" if kind == "text" else tar_of(bad(kind))


def zstd(data: bytes) -> bytes:
    return subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(content(sys.argv[1]))

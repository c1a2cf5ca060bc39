"""Who listens where, and who is connected, read from /proc."""

from __future__ import annotations

import os
import socket
import time
from typing import Dict, Iterable, Iterator, List, Optional, Set, Tuple

_UNIX_LISTENING_FLAG = 0x10000
_UNIX_CONNECTED = "03"
_TCP_LISTENING, _TCP_ESTABLISHED = "0A", "01"


def unix_sockets() -> Iterator[Tuple[str, bool, bool, str]]:
    """(path, is listening, is connected, inode) of every unix socket that has a path."""
    with open("/proc/net/unix", encoding="utf-8", errors="replace", newline="\n") as handle:
        next(handle)
        for line in handle:
            fields = line.split(None, 7)
            if len(fields) == 8:
                listening = bool(int(fields[3], 16) & _UNIX_LISTENING_FLAG)
                yield fields[7].rstrip("\n"), listening, fields[5] == _UNIX_CONNECTED, fields[6]


def tcp_sockets() -> Iterator[Tuple[int, str, str]]:
    """(local port, state, inode) of every TCP socket."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as handle:
                next(handle)
                for line in handle:
                    fields = line.split()
                    yield int(fields[1].rsplit(":", 1)[1], 16), fields[3], fields[9]
        except OSError:
            continue


def listening_inodes(listen: str) -> Set[str]:
    """The inodes of the sockets that listen at a path or an address:port."""
    if listen.startswith("/"):
        return {inode for path, listening, _connected, inode in unix_sockets() if listening and path == listen}
    port = int(listen.rsplit(":", 1)[1])
    return {inode for number, state, inode in tcp_sockets() if state == _TCP_LISTENING and number == port}


def listened_at(pids: Iterable[int]) -> Set[str]:
    """Where these processes listen: `port 3000`, or the path of a socket."""
    places = {inode: path for path, listening, _connected, inode in unix_sockets() if listening}
    places.update({inode: "port %d" % number for number, state, inode in tcp_sockets() if state == _TCP_LISTENING})
    return {place for inode, place in places.items() if any(holds_socket(pid, {inode}) for pid in pids)}


def connections(listens: List[str]) -> Dict[str, int]:
    """How many connections are open to each path or address:port."""
    counts = dict.fromkeys(listens, 0)
    for path, listening, connected, _inode in unix_sockets():
        if path in counts and connected and not listening:
            counts[path] += 1
    ports = {int(listen.rsplit(":", 1)[1]): listen for listen in listens if not listen.startswith("/")}
    for number, state, _inode in tcp_sockets() if ports else ():
        if number in ports and state == _TCP_ESTABLISHED:
            counts[ports[number]] += 1
    return counts


def holds_socket(pid: int, inodes: Set[str]) -> bool:
    """Whether a process has one of these sockets open."""
    folder = "/proc/%d/fd" % pid
    wanted = {"socket:[%s]" % inode for inode in inodes}
    try:
        for name in os.listdir(folder):
            try:
                if os.readlink(os.path.join(folder, name)) in wanted:
                    return True
            except OSError:
                continue
    except OSError:
        pass
    return False


def get(listen: str, path: str, limit: float, most: int = 65536) -> Tuple[int, str]:
    """Status and body (of the answer's first 64 KiB, or `most` bytes) of a GET. Raises OSError if there is no answer in time.

    HTTP/1.0, because its answers end with the connection: no chunks to put together, no second request to wait for.
    """
    family = socket.AF_UNIX if listen.startswith("/") else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as client:
        deadline = time.monotonic() + limit
        client.settimeout(limit)
        client.connect(listen if family == socket.AF_UNIX else _address(listen))
        client.sendall(("GET %s HTTP/1.0\r\nHost: localhost\r\nUser-Agent: windlass\r\nConnection: close\r\n\r\n" % path).encode())
        answer = _read_all(client, deadline, most)
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b"\r\n", 1)[0].split()
    if len(words) < 2 or not words[1].isdigit():
        raise OSError("the answer is not HTTP")
    return int(words[1]), body.decode("utf-8", "replace")


def _address(listen: str) -> Tuple[str, int]:
    host, _, port = listen.rpartition(":")
    return host or "127.0.0.1", int(port)


def _read_all(client: socket.socket, deadline: float, most: int) -> bytes:
    answer = b""
    while len(answer) < most:
        client.settimeout(max(0.001, deadline - time.monotonic()))  # an answer that never ends is none
        piece: Optional[bytes] = client.recv(most)
        if not piece:
            break
        answer += piece
    return answer

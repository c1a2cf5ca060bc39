"""A change on trial, on the disk: what was before, the script that brings it back, and the timer that runs it.

    /var/lib/windlass/trials/<guard>/restore.sh     the way back; run by the timer, and at boot
                                     pending/       a change that is not confirmed: token, active, live, undo.sh, files
                                     confirmed/     the same after the confirmation, until it is cleared away
                                     restoring/     the same while the way back is under way, and as long as it could not be gone
                                     restored/      the same afterwards, until the next trial
                                     last           how the last one ended: a word and its token

Confirmation and way back both begin with a rename of `pending`, which only one of them can do.
"""

from __future__ import annotations

import os
import shlex
import shutil
import time
from typing import List, Sequence

from windlass.agent.core import atomic, process
from windlass.agent.core.context import STATE
from windlass.agent.core.outcome import OperationError

UNITS = "/etc/systemd/system"
WANTS = UNITS + "/sysinit.target.wants"
AT_BOOT = """\
# Written by Windlass before a change that could lock everybody out, and removed when the change is confirmed.
[Unit]
Description=Takes back an unconfirmed change of {guard}
DefaultDependencies=no
RequiresMountsFor=/var/lib/windlass /etc
After=local-fs.target
Before=windlass-firewall.service network-pre.target ssh.service sysinit.target shutdown.target
Conflicts=shutdown.target

[Service]
Type=oneshot
ExecStart=/bin/sh {script}
"""
RESTORE = """\
#!/bin/sh
# Written by Windlass: takes an unconfirmed change back. Safe to run at any time, and again if it was cut off.
cd {folder} || exit 1
exec 9<.
flock --wait 60 9
put_back() {{
    cp -aT --remove-destination -- "$1" "$2" && mv -T -- "$2" "$3" && return
    rm -rf -- "$2"
    if test -d "$1"; then cp -aT -- "$1" "$3"; else cat -- "$1" >"$3"; fi  # a full disk has room for what was there before
}}
if ! mv -T pending restoring 2>/dev/null && ! test -d restoring; then
    test -d confirmed && rm -f {links}
    exit 0
fi
cd restoring || exit 1
lost=
{files}
sync
timeout 30 /bin/sh ./undo.sh 9>&-
status=$?
cd ..
test -z "$lost" || exit 1  # what was put aside stays: the next boot, or the next run, tries again
echo "restored $(cat restoring/token)" > last.new && mv -T last.new last
rm -rf restored
mv -T restoring restored
rm -f {links}
exit $status
"""


class Place:
    """The folder of one guard's trials."""

    def __init__(self, guard: str) -> None:
        self.guard = guard
        self.unit = "windlass-trial-" + guard
        self.folder = os.path.join(STATE, "trials", guard)
        self._pending = os.path.join(self.folder, "pending")
        self._restoring, self._restored = os.path.join(self.folder, "restoring"), os.path.join(self.folder, "restored")
        self._script = os.path.join(self.folder, "restore.sh")
        boot = "windlass-trial-%s-boot.service" % guard
        self._boot = [os.path.join(UNITS, boot), os.path.join(WANTS, boot)]

    def is_pending(self) -> bool:
        """Whether a change waits, or is being taken back."""
        return any(map(os.path.isdir, (self._pending, self._restoring)))

    def is_armed(self) -> bool:
        """Whether something will take it back, or does. An agent that was killed before it had armed a timer leaves nothing."""
        units = [self.unit + ".timer", self.unit + ".service"]
        return process.run(["systemctl", "is-active", "--quiet"] + units, limit=20).status == 0

    def state(self, token: str) -> str:
        """`pending`, `confirmed`, `restored`, or `unknown` when a later one has taken the place."""
        if self.is_pending():
            return "pending"
        word, _, last = _text(os.path.join(self.folder, "last")).partition(" ")
        return word if last == token else "unknown"

    def prepare(self, token: str, paths: Sequence[str], live: bytes, undo: str) -> None:
        """Put everything aside, on the disk, under a name that does not count yet."""
        making = os.path.join(self.folder, "making")
        for left in (making, self._restored):
            shutil.rmtree(left, ignore_errors=True)
        os.makedirs(making, mode=0o700)
        os.chmod(os.path.dirname(self.folder), 0o700)
        lines = [line for number, path in enumerate(paths) for line in _put_aside(making, number, path)]
        _write(os.path.join(making, "token"), token.encode())
        _write(os.path.join(making, "live"), live)
        _write(os.path.join(making, "undo.sh"), undo.encode() + b"\n")
        links = " ".join(shlex.quote(path) for path in self._boot)
        script = RESTORE.format(folder=shlex.quote(self.folder), files="\n".join(lines), links=links)
        _write(self._script, script.encode())
        os.sync()

    def arm(self, seconds: float) -> None:
        """From here on the change is taken back: by a timer, and at the next boot should that come first."""
        os.makedirs(WANTS, exist_ok=True)
        _write(self._boot[0], AT_BOOT.format(guard=self.guard, script=self._script).encode(), 0o644)
        if not os.path.lexists(self._boot[1]):
            os.symlink(self._boot[0], self._boot[1])
        atomic.sync_folder(UNITS)
        atomic.sync_folder(WANTS)
        os.rename(os.path.join(self.folder, "making"), self._pending)
        atomic.sync_folder(self.folder)
        command = ["systemd-run", "--quiet", "--collect", "--unit=" + self.unit, "--on-active=%gs" % seconds]
        command += ["--timer-property=AccuracySec=100ms", "--property=DefaultDependencies=no"]
        try:
            process.must(command + ["/bin/sh", self._script], limit=20)
        except OperationError:
            self._disarm("unarmed")
            raise

    def activated(self) -> None:
        """The change counts from now; only who comes in later can confirm it. Raises OperationError when it is gone by now."""
        try:
            _write(os.path.join(self._pending, "active"), b"%d" % _ticks_now())
        except FileNotFoundError:
            raise OperationError(
                "the change of %s took so long that the host has put the old one back meanwhile" % self.guard,
                hint="see what keeps the host so busy, and run it again",
            ) from None

    def restore_now(self) -> None:
        """Do not wait for the timer. If it was there first, what was changed after it is taken back as well."""
        late = not os.path.isdir(self._pending)
        process.run(["/bin/sh", self._script], limit=120)
        if late and os.path.isdir(self._restored):
            os.rename(self._restored, self._restoring)
            process.run(["/bin/sh", self._script], limit=120)
        self._stop_timer()
        shutil.rmtree(self._restored, ignore_errors=True)

    def confirm(self, token: str) -> None:
        """Let the change stay. Raises OperationError when it may not, or is gone."""
        if _text(os.path.join(self._pending, "token")) != token:
            raise OperationError("the change of %s is not there any more" % self.guard, hint="the host has put the old one back")
        if not _is_later(_text(os.path.join(self._pending, "active"))):
            raise OperationError("a change of %s can only be confirmed by who comes in after it" % self.guard)
        self._disarm("confirmed", token)

    def _disarm(self, word: str, token: str = "") -> None:
        confirmed = os.path.join(self.folder, "confirmed")
        shutil.rmtree(confirmed, ignore_errors=True)
        try:
            os.rename(self._pending, confirmed)
        except FileNotFoundError:
            raise OperationError("the change of %s is being taken back" % self.guard) from None
        _write(os.path.join(self.folder, "last"), ("%s %s" % (word, token)).encode())
        atomic.sync_folder(self.folder)
        self._stop_timer()
        for path in reversed(self._boot):
            _remove(path)
        shutil.rmtree(confirmed, ignore_errors=True)

    def _stop_timer(self) -> None:
        process.run(["systemctl", "stop", "--quiet", self.unit + ".timer"], limit=20)


def _put_aside(folder: str, number: int, path: str) -> List[str]:
    """Copy a file, with owner and mode; the lines of shell that bring it back, or remove what was not there."""
    quoted, name = shlex.quote(path), "file%d" % number
    if not os.path.lexists(path):
        return ["rm -f -- %s" % quoted]
    process.must(["cp", "-a", "--", path, os.path.join(folder, name)], limit=60)
    aside = shlex.quote(os.path.join(os.path.dirname(path), ".%s.before" % os.path.basename(path)))
    return ["put_back %s %s %s || lost=1" % (name, aside, quoted)]


def _is_later(active: str) -> bool:
    """Whether this agent was started after the change; an `active` that is not there was never reached."""
    return bool(active) and _ticks_of_start() > int(active)


def _ticks_now() -> int:
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK"))


def _ticks_of_start() -> int:
    """When this process was started, by the clock that counts from the boot."""
    with open("/proc/self/stat", encoding="ascii", errors="replace") as handle:
        return int(handle.read().rpartition(")")[2].split()[19])


def _write(path: str, content: bytes, mode: int = 0o600) -> None:
    atomic.write(path, [content], mode)


def _text(path: str) -> str:
    return (atomic.read_or_none(path) or b"").decode().strip()


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass

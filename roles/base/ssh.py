"""sshd, as the role base wants it: one file that is read before all others, and a look at what really counts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from windlass.operations.command import Run
from windlass.operations.commit import SSHD_AGAIN, Guarded
from windlass.operations.operation import Operation
from windlass.plans.topology import HostView
from windlass.values import Command

from .settings import Ssh

# sshd takes the first value that it reads, and cloud-init brings a 50-cloud-init.conf with `PasswordAuthentication yes`.
PATH = "/etc/ssh/sshd_config.d/00-windlass.conf"
HEAD = "# Written by Windlass: changes made here are lost. This file comes first, because the first value counts.\n"
# Taken away from what this sshd has by itself: so its newest ones stay, whatever its version.
OLD = {
    "KexAlgorithms": ("ecdh-sha2-nistp*", "diffie-hellman-*"),
    "MACs": ("hmac-sha1", "hmac-sha1-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512", "umac-*@openssh.com"),
}
# `sshd -T` says what counts after all files. Without the folder sshd does not even look (where systemd starts it on demand).
VERIFY = """\
mkdir -p -m 0755 /run/sshd
sshd -t
counts=$(sshd -T | sort)
wrong=
while read -r wanted; do
	printf '%s\\n' "$counts" | grep -qixF -- "$wanted" || wrong="$wrong
$wanted: there is $(printf '%s\\n' "$counts" | grep -i -- "^${{wanted%% *}} " | head -n 1 | grep . || echo none)"
done <<'END'
{wanted}
END
{refused}test -z "$wrong" || {{
	printf 'sshd would not do what is wanted, because another file says otherwise before ours:%s\\n' "$wrong" >&2
	exit 1
}}
"""
REFUSED = """\
old=$(printf '%s\\n' "$counts" | grep -E '^(kexalgorithms .*(ecdh-sha2-nistp|diffie-hellman)|macs .*(hmac-sha1|umac-64))' || true)
test -z "$old" || wrong="$wrong
old algorithms: there is $old"
"""


def sshd(host: HostView, ssh: Ssh) -> Iterator[Operation]:
    """The file, on trial; and each time, whether what it says is what counts."""
    if not ssh.managed:
        yield _guarded("", "systemctl try-reload-or-restart ssh", ssh, absent=True)
        return
    verify = _verify(host, ssh)
    lines = [*_lines(host, ssh), *([] if ssh.old_algorithms else [f"{what} -{','.join(names)}" for what, names in OLD.items()])]
    content = HEAD + "".join(f"{line}\n" for line in lines)
    yield _guarded(content, f"{verify}systemctl try-reload-or-restart ssh", ssh)
    there = f"echo '{hashlib.sha256(content.encode()).hexdigest()}  {PATH}' | sha256sum --check --status"
    yield Run(command=f"set -eu\n{verify}", name="sshd does what is wanted", only_if=there, changed=False)


def _guarded(content: str, activate: str, ssh: Ssh, *, absent: bool = False) -> Guarded:
    return Guarded(
        guard="sshd",
        path=PATH,
        content=content,
        absent=absent,
        mode="0600",
        validate=None if absent else Command.of("sshd", "-t", "-f", "%s"),
        activate=activate,
        undo=SSHD_AGAIN,
        seconds=float(ssh.confirm_seconds),
    )


def _lines(host: HostView, ssh: Ssh) -> list[str]:
    values: Mapping[str, str] = {
        "PubkeyAuthentication": "yes",
        "PasswordAuthentication": "yes" if ssh.password_login else "no",
        "KbdInteractiveAuthentication": "yes" if ssh.password_login else "no",
        "PermitRootLogin": "no" if ssh.root_login == "no" else "prohibit-password",
    }
    return [*(f"{name} {value}" for name, value in values.items()), *_allowed(host, ssh)]


def _allowed(host: HostView, ssh: Ssh) -> Iterator[str]:
    """A line for each, as `sshd -T` has it."""
    if ssh.users:
        own = host.environment.host(host.name).user
        yield from (f"AllowUsers {user}" for user in dict.fromkeys([*ssh.users, *([own] if own else [])]))
    yield from (f"AllowGroups {group}" for group in ssh.groups)


def _verify(host: HostView, ssh: Ssh) -> str:
    """`without-password` is what sshd itself calls `prohibit-password`."""
    wanted = [line.replace("prohibit-password", "without-password") for line in _lines(host, ssh)]
    return VERIFY.format(wanted="\n".join(wanted), refused="" if ssh.old_algorithms else REFUSED)

"""The 25 operations as somebody writes them by hand: Fabric, and a shell command through sudo for each.

Arguments: key, known_hosts, user@address:port …

It knows less than the others: whether a file differs is asked by checksum, owner and mode are set each time.
"""

import hashlib
import shlex
import sys
from pathlib import Path

from fabric import Config, Connection, ThreadingGroup
from jinja2 import Environment
from paramiko import RejectPolicy

WORKERS = [{"name": f"w{number}", "weight": number * 10} for number in range(5)]
TEMPLATES = Environment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=False)  # noqa: S701


def directory(path: str, owner: str, mode: str) -> str:
    return f"mkdir -p {path} && chown {owner}:app {path} && chmod {mode} {path}"


def line(path: str, text: str) -> str:
    return f"grep -qxF {shlex.quote(text)} {path} || echo {shlex.quote(text)} >>{path}"


def content(connection: Connection, path: str, data: bytes, owner: str, mode: str) -> None:
    """One command when it is there already, two when it is not."""
    checksum = hashlib.sha256(data).hexdigest()
    own = f"chown {owner}:app {path} && chmod {mode} {path}"
    if sudo(connection, f"echo '{checksum}  {path}' | sha256sum -c --status && {own}", warn=True).failed:
        import io  # noqa: PLC0415 - a first run only

        connection.put(io.BytesIO(data), "/tmp/by-hand")  # noqa: S108
        sudo(connection, f"cp /tmp/by-hand {path} && {own}; rm -f /tmp/by-hand")


def sudo(connection: Connection, script: str, *, warn: bool = False):
    return connection.run(f"sudo -n sh -c {shlex.quote(script)}", hide=True, warn=warn, in_stream=False)


def converge(connection: Connection) -> None:
    sudo(connection, "getent group app >/dev/null || groupadd app")
    sudo(connection, "id -u appuser >/dev/null 2>&1 || useradd -m -g app -s /bin/bash appuser")
    sudo(connection, "id -u worker >/dev/null 2>&1 || useradd -m -s /usr/sbin/nologin worker")
    sudo(connection, directory("/opt/app", "appuser", "755"))
    sudo(connection, directory("/opt/app/releases", "appuser", "755"))
    sudo(connection, directory("/opt/app/shared", "appuser", "750"))
    sudo(connection, directory("/etc/app", "root", "755"))
    for number in range(1, 7):
        text = TEMPLATES.from_string(Path(f"templates/work/t{number}.conf.j2").read_text())
        made = text.render(app_name="shop", debug=False, workers=WORKERS).encode()
        content(connection, f"/etc/app/t{number}.conf", made, "root", "640")
    for name in ("small", "big"):
        content(connection, f"/opt/app/shared/{name}.bin", Path(f"files/{name}.bin").read_bytes(), "appuser", "644")
    sudo(connection, line("/etc/environment", "APP_ENV=prod"))
    sudo(connection, line("/etc/profile", "export APP=1"))
    sudo(connection, line("/etc/security/limits.conf", "appuser soft nofile 65536"))
    sudo(connection, "ln -sfn /opt/app/releases /opt/app/current")
    sudo(connection, "ln -sfn /etc/app /opt/app/config")
    sudo(connection, line("/etc/cron.d/app-job", "*/5 * * * * appuser /bin/true"))
    sudo(connection, "dpkg-query -W -f '${Status}' curl | grep -q installed || apt-get install -qqy curl")
    sudo(connection, "dpkg-query -W -f '${Status}' nginx-light | grep -q installed || apt-get install -qqy nginx-light")
    sudo(connection, "systemctl is-enabled -q nginx && systemctl is-active -q nginx || systemctl enable -q --now nginx")
    sudo(connection, "systemctl is-enabled -q cron && systemctl is-active -q cron || systemctl enable -q --now cron")


def main() -> None:
    key, known_hosts, *places = sys.argv[1:]
    group = ThreadingGroup(
        *places,
        config=Config(overrides={"load_ssh_configs": False}),
        connect_kwargs={"key_filename": key, "look_for_keys": False, "allow_agent": False},
    )
    for connection in group:
        connection.client.load_system_host_keys(known_hosts)
        connection.client.set_missing_host_key_policy(RejectPolicy())
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    with ThreadPoolExecutor(len(group)) as pool:
        list(pool.map(converge, group))


if __name__ == "__main__":
    main()

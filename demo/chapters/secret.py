"""One secret: written into the repository, encrypted, and then looked for everywhere."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from demo.commands import ENVIRONMENT, Unexpected
from demo.stage import Stage

NAME = "tickets_database_password"
SERVERS = ("web1", "web2", "app1", "app2")
# Reads the value from standard input, so that looking for it plants nothing. Prints each file that has it, with mode and owner.
LOOK = """
umask 077; value=$(mktemp -p /dev/shm); cat > $value
grep -rlZaFs -D skip -f $value /etc /home /opt /root /run /srv /tmp /usr/local /var | xargs -0r stat -c '%n %a %U'
cat /proc/[0-9]*/cmdline 2>/dev/null | grep -qaF -f $value && echo 'the command line of a process'
journalctl --all --output export | grep -qaF -f $value && echo 'the journal'
rm -f $value
"""


def plant(stage: Stage) -> None:
    stage.screen.chapter("A secret goes into the repository, so that everybody on the team has it")
    file = stage.project / "inventories" / ENVIRONMENT / "secrets.sops.yml"
    file.unlink(missing_ok=True)
    stage.run("secrets.people", "secrets.people", "--add", "you")
    stage.secret = secrets.token_urlsafe(24)
    stage.typed("secrets.set", "--name", NAME)
    stage.windlass.run("secrets.set", "secrets.set", "--name", NAME, given=stage.secret)
    stage.screen.good(f"inventories/{ENVIRONMENT}/{file.name} has it as a line of its own; SOPS's format, age's keys:")
    stage.screen.quote([line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith(NAME)])


def look(stage: Stage) -> None:
    stage.screen.chapter("Where is that secret now? Every file, journal and command line of the servers, and this project")
    found = {f"{host}:{place}" for host in SERVERS for place in _on(stage, host)}
    found |= {str(path) for path in _here(stage.project, stage.secret.encode())}
    found |= {"the output of a command"} if any(stage.secret in text for text in stage.windlass.said) else set()
    meant = {each for each in found if each.startswith(("app1:", "app2:")) and each.endswith("/.env 600 tickets")}
    stage.screen.quote(sorted(meant))
    if found - meant or not meant:
        raise Unexpected(f"the secret is in {', '.join(sorted(found - meant)) or 'no .env'}")
    stage.screen.good(f"where the application reads it (its own user alone), {len(meant)} releases; [bold]nowhere else[/bold]")
    stage.figures["secret"] = {"read_from": len(meant), "leaked": len(found - meant)}


def _on(stage: Stage, host: str) -> list[str]:
    return stage.on(host, "sudo", "sh", "-c", LOOK, given=stage.secret).splitlines()


def _here(project: Path, secret: bytes) -> list[Path]:
    """The files of the checkout that have it, encrypted ones aside by nature."""
    found = []
    for folder, folders, files in os.walk(project):
        folders[:] = [name for name in folders if name not in {".venv", ".git", "node_modules"}]
        found += [path for name in files if (path := Path(folder) / name).is_file() and secret in path.read_bytes()]
    return found

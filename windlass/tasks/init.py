"""`init`: a first inventory, written from what can be known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from windlass.tasks.common import Options, command

if TYPE_CHECKING:
    from windlass.flows.first_inventory import Written
    from windlass.tasks.door import Outcome


@command(
    env="what the environment is called, a new folder of inventories/ (else production)",
    host="the server: user@address, and :port where it is not 22; several with commas",
    data="the server of its database and Redis, said in the same way (else the first of --host)",
    git="the application's repository, or a path here (else the repository that this folder is)",
    folder="the folder of the repository that holds the application",
    app="what the application is called (else as its repository)",
    kind="node, python, static, containers (deployed), or compose for a stack that is set up (else seen from the repository)",
    domain="the name that people ask for; then https, too",
    needs="what it needs beside: postgresql, redis (else seen from its dependencies)",
)
def init(
    _context: Context,
    *,
    env: str = "production",
    host: str = "",
    data: str = "",
    git: str = "",
    folder: str = "",
    app: str = "",
    kind: str = "",
    domain: str = "",
    needs: str = "",
    json: bool = False,
) -> None:
    """
    Write a first inventory: small, commented, and valid as it is.

    For one application, or one stack of Docker Compose. The repository is
    looked at for what need not be said; what was only guessed is listed at the
    end. Nothing that is there is ever overwritten, and no host is called.

    Example:

        invoke init --env mine --host deploy@203.0.113.10 \\
            --git git@git.example.org:us/shop.git --domain shop.example.org
        invoke init --host deploy@203.0.113.10,deploy@203.0.113.11 \\
            --data deploy@203.0.113.20

    Exit codes: 0 done, 2 wrong usage, 4 there is such an environment already.
    """
    from windlass.flows.first_inventory import Wanted, first_inventory
    from windlass.tasks.place import project_folder
    from windlass.tasks.running import run_alone
    from windlass.tasks.typed import program

    said = {"host": host, "data": data, "app": app, "git": git, "folder": folder, "kind": kind, "domain": domain, "needs": needs}
    wanted = Wanted(environment=env, program=program(), **said)
    run_alone("init", Options(env=env, json=json), lambda: _outcome(first_inventory(project_folder(), wanted), env, domain))


def _outcome(done: Written, environment: str, domain: str) -> Outcome:
    from dataclasses import asdict

    from windlass.report.prose import prose
    from windlass.tasks.door import Outcome
    from windlass.tasks.typed import program

    by = f", seen by {' and '.join(done.guess.because)}" if done.guess.because else ""
    needs = f"; it needs {' and '.join(done.needs)}" if done.needs else ""
    told = [f"wrote {' and '.join(done.files)}", f"{done.app}: {done.guess.kind}{by}{needs}"]
    lines = [prose([*told, *(f"to look at: {note}" for note in done.notes)])]
    steps = [
        (f"inventory.check --env {environment}", "all faults at once"),
        (f"setup --env {environment} --check --accept-new", "what would change"),
        (f"setup --env {environment}", ""),
        *([(f"deploy --env {environment}", "")] if done.guess.kind != "compose" else []),
        *([(f"tls.issue --env {environment}", "once DNS leads there")] if domain else []),
    ]
    width = max(len(words) for words, _ in steps)
    lines += [
        "next:",
        *(f"  {program()} {words.ljust(width) if why else words}{'  # ' + why if why else ''}" for words, why in steps),
    ]
    return Outcome(result=asdict(done), text="\n".join(lines))

"""What containers are called, and the commands that are made for them, as a real shell and a real grep read them."""

from __future__ import annotations

import shlex
import subprocess

from windlass.plans.containers import SUPERVISE, cleared, created, exported, place, project, supervised, supervisor

RELEASE = "20261129-181500-3f9c2ab"


def matched(pattern: str, names: list[str]) -> list[str]:
    """Those that the hosts' grep takes for meant."""
    told = subprocess.run(["grep", "-Ex", pattern], input="\n".join(names), capture_output=True, text=True, check=False)
    return told.stdout.split()


def test_a_project_is_told_from_those_of_other_places_and_other_applications() -> None:
    mine = [project("shop", "blue", RELEASE, "web-0"), project("shop", "blue", "20270101-000000-0000000", "web-0")]
    others = [
        project("shop", "green", RELEASE, "web-0"),
        project("shop", "blue", RELEASE, "web-1"),
        project("shop", "blue", RELEASE, "mail-web-0"),
        project("shop-blue", "blue", RELEASE, "web-0"),
        project("shop-blue", "green", RELEASE, "web-0"),
        project("my-shop", "blue", RELEASE, "web-0"),
        "shop-blue",
    ]

    assert mine[0] == "shop-blue-20261129-181500-3f9c2ab-web-0"
    assert matched(place("shop", "blue", "web-0"), [*mine, *others]) == mine
    assert matched(place("shop", "", "web-0"), [*mine, *others]) == [*mine, others[0]]


def test_the_commands_are_ones_that_a_shell_understands() -> None:
    command = supervised(supervisor("shop", "blue"), place("shop", "blue", "web-0"), ("web", "proxy"), 12.5)

    assert shlex.split(command) == ["/srv/shop/slots/blue/compose", "12", place("shop", "blue", "web-0"), "web", "proxy"]
    for script in (SUPERVISE, cleared("shop")[2], created(("web",), {"PORT": "4001"})):
        assert subprocess.run(["/bin/sh", "-n", "-c", script], capture_output=True, check=False).returncode == 0


def test_what_compose_is_to_know_is_stronger_than_the_releases_environment() -> None:
    text = created(("web",), {"PORT": "4001", "ODD": "it's $HOME"})

    assert text.index(". ./.env") < text.index("export PORT=4001")
    assert exported({}) == ""
    told = subprocess.run(
        ["/bin/sh", "-c", f'{exported({"ODD": "it is $HOME"})}echo "$ODD"'], capture_output=True, text=True, check=True
    )
    assert told.stdout == "it is $HOME\n"

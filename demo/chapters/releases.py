"""Versions come and go while visitors keep asking."""

from __future__ import annotations

from demo.generator import Load
from demo.stage import APP, Stage, same
from demo.versions import TAGS, make_versions

TICKETS = 1000


def first(stage: Stage) -> None:
    stage.screen.chapter("Version 1 of Tickets: Express, Sequelize, BullMQ, socket.io, Vue")
    make_versions(stage.project)
    done = stage.run("deploy version 1", "deploy", *APP, "--ref", TAGS[0])["result"]
    stage.figures["first"] = {"release": done["release"], "artefact": done["artefact"]}
    _seed(stage, done["release"])
    stage.screen.good(
        f"{stage.version()} serves at {stage.site.name}: built once, the same bytes on two hosts, {stage.took('deploy version 1')}"
    )


def second(stage: Stage) -> None:
    stage.screen.chapter(f"Version 2, blue-green, while {stage.connections} connections to both balancers keep asking")
    with Load(stage.site, connections=stage.connections) as load:
        done = stage.run("deploy version 2", "deploy", *APP, "--ref", TAGS[1])["result"]
    stage.count(load)
    slowest = max(done["switch_milliseconds"].values())
    stage.figures["switch_milliseconds"] = done["switch_milliseconds"]
    stage.screen.good(
        f"{stage.version()} serves: {stage.took('deploy version 2')}, the switch itself {slowest:.1f} ms a host at most"
    )


def broken(stage: Stage) -> None:
    stage.screen.chapter("Version 3 is broken: it throws when it starts. Does anybody notice?")
    before = stage.version()
    with Load(stage.site, connections=stage.connections) as load:
        refused = stage.run("refuse version 3", "deploy", *APP, "--ref", TAGS[2], expect=1)["error"]
    stage.count(load)
    stage.screen.bad("refused at the gate, in the application's own words:")
    stage.screen.quote([line for line in refused["last_lines"] if "Error" in line][:2])
    same("the version that serves", before, stage.version())
    stage.screen.good(f"nobody did: {before} served all the while")


def back(stage: Stage) -> None:
    stage.screen.chapter("Three in the morning: back to version 1, no version to look up")
    with Load(stage.site, connections=stage.connections) as load:
        done = stage.run("rollback", "rollback", *APP)["result"]
    stage.count(load)
    stage.figures["rollback_milliseconds"] = round(done["switched_after"] * 1000)
    stage.screen.good(
        f"{stage.version()} serves again on every host {stage.figures['rollback_milliseconds']} ms after the Enter key,"
        f" {'by the switch alone' if done['warm'] else 'started anew'}"
    )


def _seed(stage: Stage, release: str) -> None:
    script = f"cd /srv/tickets/releases/{release} && set -a && . ./.env && set +a && npm run --silent seed -- {TICKETS}"
    stage.on("app1", "sudo", "-u", "tickets", "sh", "-c", script)

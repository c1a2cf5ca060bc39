"""Bare hosts become servers."""

from __future__ import annotations

from demo.commands import ENVIRONMENT
from demo.stage import BALANCERS, NAME, Stage, changed
from windlass import lab
from windlass.flows.twin import labs_folder


def boot(stage: Stage) -> None:
    stage.screen.chapter("Real Debian hosts on this machine: systemd, sshd, addresses of their own")
    stage.run("lab.up", "lab.up")
    running = lab.load(ENVIRONMENT, root=labs_folder(stage.project))
    stage.has(running)
    names = ", ".join(f"{host.name} {host.address}" for host in running.hosts.values())
    stage.screen.good(f"{names}: {stage.took('lab.up')}")
    stage.outside.open(NAME, [running.hosts[host].address for host in BALANCERS])
    stage.screen.good("on internet there are now an authority that gives certificates, and a storage that speaks S3")


def set_up(stage: Stage) -> None:
    stage.screen.chapter("They become what their roles say: nginx, Node and PM2, PostgreSQL, Redis, a firewall")
    done = stage.run("setup", "setup")
    stage.screen.good(f"{changed(done)} operations changed something: {stage.took('setup')}")
    with stage.screen.at_work():
        again = stage.windlass.run("setup again", "setup")
    stage.screen.good(
        f"the same once more: {changed(again)} changed, {stage.took('setup again')}, one batch and one round trip a host"
    )
    stage.figures["setup"] = {"changed": changed(done), "changed_again": changed(again)}

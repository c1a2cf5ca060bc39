"""From http to a grade."""

from __future__ import annotations

from demo.stage import BALANCERS, NAME, Stage


def certify(stage: Stage) -> None:
    stage.screen.chapter("https: an authority that checks, one certificate on both balancers")
    authority = stage.outside.open_authority(NAME, [stage.lab.hosts[host].address for host in BALANCERS])
    stage.run("tls.issue", "tls.issue")
    stage.secure(authority)
    stage.site.ask(at=0), stage.site.ask(at=1)
    stage.screen.good(f"asked for, installed, and believed by a visitor of either: {stage.took('tls.issue')}")

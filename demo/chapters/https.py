"""From http to a grade."""

from __future__ import annotations

from demo.stage import BALANCERS, Stage


def certify(stage: Stage) -> None:
    stage.screen.chapter("https: an authority that checks, one certificate on both balancers")
    stage.run("tls.issue", "tls.issue")
    stage.come_by_https()
    for number in range(len(BALANCERS)):
        stage.site.ask(at=number)
    stage.screen.good(f"asked for, installed, and believed by a visitor of either: {stage.took('tls.issue')}")


def grade(stage: Stage) -> None:
    stage.screen.chapter("How good is it? Graded as SSL Labs does, with HSTS asked of errors, too")
    found = stage.run("tls.grade", "tls.grade")["result"]["listeners"]
    for each in found:
        statuses = ", ".join(str(status) for status in sorted({answer["status"] for answer in each["answers"]}))
        stage.screen.good(f"{each['host']} {each['address']}: [bold]{each['grade']}[/bold] ({each['score']}), HSTS on {statuses}")
    stage.figures["grades"] = {each["host"]: each["grade"] for each in found}

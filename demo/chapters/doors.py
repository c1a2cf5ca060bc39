"""What is open, seen from outside, beside what was compiled."""

from __future__ import annotations

from typing import Any

from demo.stage import Stage

HOST = "web1"


def scan(stage: Stage) -> None:
    which = f"The ports {stage.ports}" if stage.ports else "All 65,535 ports"
    stage.screen.chapter(f"{which} of a balancer that also holds the databases, tried from outside")
    some = ("--ports", stage.ports) if stage.ports else ()
    document = stage.run("firewall.check", "firewall.check", "--limit", HOST, "--from", "outside", *some)
    found = document["result"]["hosts"][HOST]
    opened = {port for seen in found["seen"] for port in seen["open"]}
    for each in found["compiled"]:
        stage.screen.say(f"{each['port']:>6}  {'open' if each['port'] in opened else 'shut':6}  {_compiled(each)}")
    stage.screen.good(f"exactly what was compiled is open, and nothing else: {stage.took('firewall.check')}")
    stage.figures["open_from_outside"] = sorted(opened)


def _compiled(opening: dict[str, Any]) -> str:
    return f"for {'anywhere' if opening['from'] == ['anywhere'] else 'the application hosts alone'}: {opening['why']}"

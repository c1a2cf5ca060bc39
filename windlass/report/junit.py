"""A run as JUnit's XML, for CI: a testsuite for each host, a testcase for each operation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

from windlass.errors import WindlassError
from windlass.history.ledger import Entry, HostBooks

_UNFIT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 cannot hold


def junit(name: str, hosts: Sequence[HostBooks], error: WindlassError | None = None, seconds: float = 0.0) -> str:
    """The document. `name` is what was run; an error that no host failed with becomes a testcase of its own."""
    top = ET.Element("testsuites", name=_fit(name), time=f"{seconds:.3f}")
    for host in hosts:
        _suite(top, host)
    if error is not None and not any(host.status == "failed" for host in hosts):
        suite = ET.SubElement(top, "testsuite", name=_fit(name), tests="1", failures="1", errors="0", skipped="0")
        case = ET.SubElement(suite, "testcase", name=_fit(name), classname=_fit(error.host or name))
        _failure(case, error.message, [*error.last_lines, *([error.hint] if error.hint else [])])
    suites = top.findall("testsuite")
    for figure in ("tests", "failures"):
        top.set(figure, str(sum(int(suite.get(figure, "0")) for suite in suites)))
    ET.indent(top)
    return ET.tostring(top, encoding="unicode", xml_declaration=True) + "\n"


def _suite(top: ET.Element, host: HostBooks) -> None:
    """One host; that it could not be reached, or broke off, is a testcase, too."""
    alone = host.failed and not host.count("failed")
    counts = {
        "tests": len(host.entries) + alone,
        "failures": host.count("failed") + alone,
        "errors": 0,
        "skipped": host.count("skipped"),
    }
    figures = {name: str(count) for name, count in counts.items()} | {"time": f"{host.connecting + host.batches:.3f}"}
    suite = ET.SubElement(top, "testsuite", {"name": _fit(host.name)} | figures)
    for entry in host.entries:
        _case(suite, host.name, entry)
    if alone:
        _failure(ET.SubElement(suite, "testcase", name="the host itself", classname=_fit(host.name)), host.message, ())


def _case(suite: ET.Element, host: str, entry: Entry) -> None:
    case = ET.SubElement(suite, "testcase", name=_fit(entry.title), classname=_fit(host), time=f"{entry.seconds:.3f}")
    if entry.status == "failed":
        _failure(case, entry.summary, entry.last_lines)
    elif entry.status == "skipped":
        ET.SubElement(case, "skipped")
    elif entry.status != "ok":
        ET.SubElement(case, "system-out").text = _fit(f"{entry.status}: {entry.summary}")


def _failure(case: ET.Element, message: str, lines: Sequence[str]) -> None:
    ET.SubElement(case, "failure", message=_fit(message)).text = _fit("\n".join(lines))


def _fit(text: Any) -> str:
    return _UNFIT.sub("?", str(text))

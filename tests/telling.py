"""Says of each test on real hosts how it ended, with its name, when it ends: a run takes minutes, and whoever waits may see."""

from __future__ import annotations

import time
from typing import TypeGuard

import pytest


class Telling:
    """A line for each ended test, in place of a dot; that of a failed one says in short why."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self.terminal = terminal
        self.began = time.monotonic()
        self._seconds: dict[str, float] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: object) -> tuple[str, str, str] | None:
        """Counted as ever, but without a letter."""
        if not _is_told(report):
            return None
        if report.when != "call" and not report.skipped:
            return ("error", "", "ERROR") if report.failed else ("", "", "")
        return report.outcome, "", report.outcome.upper()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not _is_told(report):
            return
        name = report.nodeid
        self._seconds[name] = self._seconds.get(name, 0.0) + report.duration
        if report.failed:
            self._tell(name, f"FAILED ({report.when})", _reason(report), red=True)
        elif report.skipped:
            self._tell(name, "skipped", "")
        elif report.when == "call":
            self._tell(name, "passed", "")

    def _tell(self, name: str, word: str, more: str, *, red: bool = False) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self.began), 60)
        took = f"{self._seconds[name]:.1f} s"
        self.terminal.ensure_newline()
        self.terminal.write_line(f"{minutes:02}:{seconds:02} {word} {name} {took} {more}".rstrip(), red=red)


def _is_told(report: object) -> TypeGuard[pytest.TestReport]:
    return isinstance(report, pytest.TestReport) and report.nodeid.startswith(("tests/lab/", "tests/chaos/"))


def _reason(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(getattr(crash, "message", report.longrepr)).strip().splitlines()[0][:200]


@pytest.hookimpl(trylast=True)  # when the one that prints is there
def pytest_configure(config: pytest.Config) -> None:
    terminal = config.pluginmanager.getplugin("terminalreporter")
    if terminal and not hasattr(config, "workerinput") and config.get_verbosity() <= 0:
        config.pluginmanager.register(Telling(terminal))

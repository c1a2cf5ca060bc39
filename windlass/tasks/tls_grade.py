"""`tls.grade`: how good the https of the sites is, listener by listener."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from windlass.tasks.common import Options, command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from windlass.events import Listener
    from windlass.flows.edge.tls_grade import Graded
    from windlass.flows.workspace import Workspace
    from windlass.tasks.door import Outcome


@command(app="only the site of this application", at_least="fail below this letter: A+, A, A-, B … (else A+)")
def grade(
    _context: Context,
    *,
    env: str = "",
    app: str = "",
    at_least: str = "A+",
    json: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Grade every https listener as SSL Labs does, and say why not better.

    Each address of each host is asked, by each name. An A+ here needs HSTS of
    half a year on every answer that could be got, errors too, and not on one
    alone. What kinds of answers could not be got is said. At its first use
    sslyze is installed for this user, beside Windlass.

    Example:

        invoke tls.grade --env production

    Exit codes: 0 all are at least that good, 1 one is not, 2 wrong usage or
    inventory.
    """
    from windlass.errors import UsageError
    from windlass.flows.edge.tls import chosen
    from windlass.flows.edge.tls_grade import error_of, grades
    from windlass.plans.grade import LETTERS
    from windlass.tasks.door import Outcome
    from windlass.tasks.running import run_flow

    if at_least not in LETTERS:
        raise UsageError(f"--at-least {at_least}: there is {', '.join(LETTERS)}")

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        found = grades(workspace, chosen(workspace, app), listener=listener)
        return Outcome(result={"listeners": [_plain(each) for each in found]}, text=_text(found), error=error_of(found, at_least))

    run_flow("tls.grade", Options.of(locals()), work, changes=False)


def _text(found: Sequence[Graded]) -> str:
    """A row for each listener; below, once for all that share it, what stands in the way."""
    from windlass.report.prose import prose
    from windlass.report.tables import table

    rows = [
        [
            each.certificate,
            each.host,
            each.address,
            each.name,
            *([each.grade.letter, str(each.grade.score)] if each.grade else ["-", ""]),
            _seen(each),
        ]
        for each in found
    ]
    shared: dict[str, list[str]] = {}
    for each in found:
        for reason in each.grade.reasons if each.grade else ():
            shared.setdefault(reason, []).append(each.where)
    lines = [prose([f"  {reason}", f"      {_places(places, len(found))}"]) for reason, places in shared.items()]
    heads = ["site", "host", "address", "name", "grade", "score", "seen"]
    return "\n".join([table(heads, rows), *(["", "why it is no better:", *lines] if lines else [])])


def _places(places: Sequence[str], of: int) -> str:
    return "everywhere" if len(places) == of else ", ".join(places)


def _seen(each: Graded) -> str:
    """What it speaks, its key, and the answers that were got or not."""
    if each.measured is None or each.grade is None:
        return each.why
    seen = each.measured
    statuses = sorted({answer.status for answer in seen.answers if answer.status})
    missing = f"; not provoked: {', '.join(each.grade.not_provoked)}" if each.grade.not_provoked else ""
    leaf = seen.handshakes.leaf
    return f"{' and '.join(seen.handshakes.protocols)}, {leaf.key} {leaf.bits}, answers {', '.join(map(str, statuses))}{missing}"


def _plain(each: Graded) -> dict[str, object]:
    place: dict[str, object] = {"site": each.certificate, "host": each.host, "address": each.address, "name": each.name}
    if each.measured is None or each.grade is None:
        return place | {"grade": "", "why": each.why}
    seen, leaf = each.measured, each.measured.handshakes.leaf
    return place | {
        "grade": each.grade.letter,
        "score": each.grade.score,
        "reasons": list(each.grade.reasons),
        "not_provoked": list(each.grade.not_provoked),
        "protocols": list(seen.handshakes.protocols),
        "ciphers": [suite.name for suite in seen.handshakes.suites],
        "key": f"{leaf.key} {leaf.bits}",
        "fingerprint": leaf.fingerprint,
        "on_disk": seen.on_disk,
        "ends": leaf.ends.isoformat(),
        "answers": [{"asked": answer.asked, "status": answer.status, "hsts": list(answer.hsts)} for answer in seen.answers],
        "redirect": {"status": seen.redirect[0], "to": seen.redirect[1]},
        "unknown_name_refused": not seen.unknown,
        "no_name_refused": not seen.unnamed,
    }

"""How Debian is given locales."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Tuple

from windlass.agent.core import process
from windlass.agent.core.context import Context
from windlass.agent.core.editing import lines_of, want_text
from windlass.agent.core.outcome import Changes, OperationError, Outcome

WANTED = "/etc/locale.gen"
SUPPORTED = "/usr/share/i18n/SUPPORTED"
DEFAULT = "/etc/default/locale"
ALWAYS = ("C", "POSIX", "C.UTF-8")
LIMIT = 600.0  # seconds; a small machine needs half a minute for each


def locale(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Locales that are there, and the default."""
    changes = Changes()
    missing = [name for name in arguments["names"] if not _is_there(name, context)]
    if missing:
        _want_generated(changes, missing, context)
    default = arguments["default"]
    if default:
        if default not in ALWAYS and default not in arguments["names"] and not _is_there(default, context):
            raise OperationError("there is no locale %s to begin sessions with" % default, hint="give it among the names, too")
        want_text(changes, os.path.realpath(DEFAULT), lambda text: _beginning_with(text, default), context)
    return changes.outcome(context.check)


def _beginning_with(text: str, default: str) -> Tuple[str, str]:
    lines, end = lines_of(text)
    if 'LANG="%s"' % default in lines or "LANG=%s" % default in lines:
        return text, ""
    kept = [line for line in lines if not line.startswith("LANG=")]
    return "".join(line + end for line in [*kept, "LANG=%s" % default]), "content"


def _want_generated(changes: Changes, missing: List[str], context: Context) -> None:
    if not os.path.exists(SUPPORTED):
        if not (context.check and context.expects_any("package")):
            raise OperationError("locales cannot be made here", hint='add Package(names=("locales",)) before this operation')
        changes.unknown = True
    supported = dict(line.split()[:2] for line in process.lines(_read(SUPPORTED)) if len(line.split()) > 1)
    unknown = [name for name in missing if name not in supported and not changes.unknown]
    if unknown:
        raise OperationError("Debian knows no locale %s" % ", ".join(unknown), hint="see %s" % SUPPORTED)
    lines = ["%s %s" % (name, supported.get(name, "UTF-8")) for name in missing]
    if not changes.unknown:
        want_text(changes, WANTED, lambda text: _wanting(text, lines), context)
    changes.add("generate %s" % ", ".join(missing), lambda: process.must(["locale-gen"], limit=LIMIT))
    for name in missing:
        context.expect("locale", _plain(name))


def _wanting(text: str, wanted: List[str]) -> Tuple[str, str]:
    """The list of locales to make, with these among them: their comment signs go, what is missing is added."""
    before, end = lines_of(text)
    after = [line[1:].strip() if line.lstrip("# ").strip() in wanted and line.startswith("#") else line for line in before]
    after += [line for line in wanted if line not in after]
    return "".join(line + end for line in after), "content" if after != before else ""


def _read(path: str) -> str:
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as handle:
        return handle.read()


def _is_there(name: str, context: Context) -> bool:
    """Now, or in a check after what earlier operations generate."""
    return (context.check and context.expected("locale", _plain(name))) or _plain(name) in _generated()


def _generated() -> List[str]:
    return [_plain(line) for line in process.run(["locale", "--all-locales"], limit=30).text.split()]


def _plain(name: str) -> str:
    """`locale -a` writes de_DE.utf8 for what everybody else calls de_DE.UTF-8."""
    head, dot, rest = name.partition(".")
    charset, at, modifier = rest.partition("@")
    return head + dot + charset.replace("-", "").lower() + at + modifier

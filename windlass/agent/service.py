"""How services of systemd are started, stopped, enabled and told of changes."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

from windlass.agent.core import process, units
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome

SUFFIXES = ("service", "socket", "timer", "target", "path", "mount", "automount", "swap", "slice", "scope", "device")
FOLDERS = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
# Nothing can or need be enabled about units in these states: they are started by others, or by a generator.
FIXED = ("static", "alias", "generated", "indirect", "transient")


def service(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A unit that runs now and after a boot, or does not."""
    unit = _unit(arguments["name"])
    state = _first_look(unit, context)
    changes = Changes()
    if state["LoadState"] == "not-found":
        if not arguments["running"] and not arguments["enabled"] and not arguments["masked"]:
            return changes.outcome(context.check)
        if arguments["masked"] and not arguments["running"] and not arguments["enabled"]:
            return _masked_beforehand(changes, unit, arguments, context)
        if context.check:
            return _predicted(unit, arguments, context)
        process.must(["systemctl", "daemon-reload"])
        state = units.look(unit)
    else:
        _reread(changes, unit, state, context)
        changes.unknown = bool(state["FragmentPath"]) and context.is_unknown(state["FragmentPath"])  # its package goes
    _check_usable(unit, state, arguments)
    _want_masked(changes, unit, state, arguments)
    _want_enabled(changes, unit, state, arguments)
    _want_running(changes, unit, state, arguments)
    if context.foresights:
        context.foresights.told(unit, changes.texts())
    return changes.outcome(context.check)


def _masked_beforehand(changes: Changes, unit: str, arguments: Dict[str, Any], context: Context) -> Outcome:
    """What is not there yet can be masked, so that the package that brings it does not start it."""
    _add(changes, unit, "mask", arguments)
    if context.foresights:
        context.foresights.units.setdefault(unit, {}).update(LoadState="masked", UnitFileState="masked")
    return changes.outcome(context.check)


def _unit(name: str) -> str:
    return name if name.rpartition(".")[2] in SUFFIXES else name + ".service"


def _first_look(unit: str, context: Context) -> Dict[str, str]:
    """What systemd says of it, asked once for all services as long as nothing changes; `_reread` and others may write into it."""
    states = context.known.ask("services", lambda: _look_at_all(context))
    return context.of_unit(unit, dict(states[unit]) if unit in states else units.look(unit))


def _look_at_all(context: Context) -> Dict[str, Dict[str, str]]:
    wanted = [operation["arguments"]["name"] for operation in context.known.operations if operation["kind"] == "service.service"]
    return units.look_at_all(list(dict.fromkeys(map(_unit, wanted))))


def _predicted(unit: str, arguments: Dict[str, Any], context: Context) -> Outcome:
    """A check of a unit that is not there yet: an earlier operation may write it, or install the package that brings it."""
    written = any(context.expects_path("%s/%s" % (folder, name)) for folder in FOLDERS for name in _names(unit))
    if not written and not context.expects_surprises():
        raise _no_unit(unit)
    verbs = [verb for key, verb in (("masked", "mask"), ("enabled", "enable"), ("running", "start")) if arguments[key]]
    if written:
        _foresee(unit, verbs, context)
    return Outcome(True, ", ".join(verbs), "\n".join("%s: %s" % (unit, verb) for verb in verbs), unknown=not written)


def _foresee(unit: str, verbs: List[str], context: Context) -> None:
    """As far as the unit file's text is known."""
    files = [context.foreseen("%s/%s" % (folder, name)) for folder in FOLDERS for name in _names(unit)]
    texts = [each.content.decode("utf-8", "replace") for each in files if each and each.content is not None]
    if texts:
        context.foresights.unit(unit, texts[0])
        context.foresights.told(unit, verbs)


def _no_unit(unit: str) -> OperationError:
    return OperationError(
        "there is no unit %s" % unit, hint="install the package that brings it, or write the unit file, before this"
    )


def _reread(changes: Changes, unit: str, state: Dict[str, str], context: Context) -> None:
    """Let systemd read its files again if they are newer than what it knows; this comes first, because the rest depends on it.

    systemd itself does not notice the first file in a folder that it did not know; but this batch knows what it wrote.
    """
    stale = state["NeedDaemonReload"] == "yes"
    if not stale and not context.expected("path", state["FragmentPath"]) and not _has_new_drop_in(unit, context):
        return
    changes.add("unit files read again", lambda: None)
    if not context.check:
        process.must(["systemctl", "daemon-reload"])
        state.update(units.look(unit))


def _has_new_drop_in(unit: str, context: Context) -> bool:
    return any(context.expects_below("%s/%s.d" % (folder, name)) for folder in FOLDERS for name in _names(unit))


def _names(unit: str) -> Tuple[str, str]:
    """The unit's own name and that of its template, which is the same where there is none."""
    return unit, unit.partition("@")[0] + "@." + unit.rpartition(".")[2] if "@" in unit else unit


def _check_usable(unit: str, state: Dict[str, str], arguments: Dict[str, Any]) -> None:
    load = state["LoadState"]
    if load == "not-found":
        raise _no_unit(unit)
    if load in ("bad-setting", "error"):
        raise OperationError("systemd cannot use %s" % unit, hint="correct the unit file", last_lines=[state["LoadError"]])
    if load == "masked" and arguments["masked"] is None and (arguments["running"] or arguments["enabled"]):
        raise OperationError("%s is masked" % unit, hint="give masked=False to unmask it")


def _want_masked(changes: Changes, unit: str, state: Dict[str, str], arguments: Dict[str, Any]) -> None:
    wanted, has = arguments["masked"], state["UnitFileState"].startswith("masked")
    if wanted is None or wanted == has:
        return
    _add(changes, unit, "mask" if wanted else "unmask", arguments)


def _want_enabled(changes: Changes, unit: str, state: Dict[str, str], arguments: Dict[str, Any]) -> None:
    wanted, has = arguments["enabled"], state["UnitFileState"]
    if wanted is None or has in FIXED or (has.startswith("masked") and not wanted):
        return
    if wanted != (has == "enabled"):
        _add(changes, unit, "enable" if wanted else "disable", arguments)


def _want_running(changes: Changes, unit: str, state: Dict[str, str], arguments: Dict[str, Any]) -> None:
    wanted, notified = arguments["running"], arguments.get("notified", [])
    active = state["ActiveState"] in ("active", "reloading") or (
        state["ActiveState"] == "activating" and state["SubState"] != "auto-restart"
    )
    if wanted is False:
        if state["ActiveState"] not in ("inactive", "failed"):
            _add(changes, unit, "stop", arguments)
    elif wanted and not active:
        _add(changes, unit, "start", arguments)
    elif active and "restart" in notified:
        _add(changes, unit, "restart", arguments)
    elif active and "reload" in notified:
        _add(changes, unit, "reload" if state["CanReload"] == "yes" else "restart", arguments)


def _add(changes: Changes, unit: str, verb: str, arguments: Dict[str, Any]) -> None:
    changes.add(verb, units.action(unit, verb, float(arguments["limit_seconds"])), "%s: %s" % (unit, verb))

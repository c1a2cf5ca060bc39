"""How nginx comes to its sites: all at once where that works, else one by one, so that only the bad one is put back."""

from __future__ import annotations

import shutil
from typing import Any, Dict, Iterable, List, Set, Tuple

from windlass.agent.core import site_files, site_probe, webserver
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError, Outcome
from windlass.agent.core.site_files import Site

Refused = Dict[str, List[str]]  # the sites that were put back, each with the words why


def nginx_sites(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Every site as wanted, or as it was accepted last."""
    if not shutil.which("nginx"):
        if context.check and context.expects_surprises():
            return Outcome(True, "sites of nginx", unknown=True)
        raise _absent()
    sites = site_files.of_kind(arguments["sites"], webserver.kind())
    only = arguments["only"]
    listed = [site for site in sites if only in ("", site["name"])] + ([] if only else site_files.stale(sites))
    changed = [site for site in listed if site_files.differs(site)]
    diff = "\n".join(each for site in changed for each in site_files.diffs(site))
    states = {site["name"]: "unchanged" for site in listed}
    if not changed:
        return Outcome(False, data={"sites": states})
    refused, unsure = _foreseen(changed, context) if context.check else (_installed(changed, sites), False)
    states.update({site["name"]: "; ".join(refused.get(site["name"], ["changed"])) for site in changed})
    if refused and not unsure:
        raise _put_back(refused, states, context.check)
    return Outcome(True, ", ".join(site["name"] for site in changed), diff, {"sites": states}, unknown=unsure)


def _absent() -> OperationError:
    return OperationError(
        "there is no nginx on this host",
        hint="install the package before this operation; on a host that was never set up: invoke setup --limit HOST",
    )


def _put_back(refused: Refused, states: Dict[str, str], check: bool) -> OperationError:
    """Whose fault it is; if nginx refuses what is back now, too, it is no site of ours."""
    names = ", ".join(refused)
    words = [line for lines in refused.values() for line in lines]
    others = webserver.refused()
    if others:
        return OperationError(
            "%s: nginx does not accept its configuration, and did not before" % names,
            hint="the words name the file; sites of your own are yours to correct",
            last_lines=others,
            data={"sites": states},
        )
    return OperationError(
        "%s: %s" % (names, "nginx would refuse it" if check else "put back to what was accepted before"),
        hint="correct its template or its settings; the other sites are %s" % ("not touched" if check else "as wanted"),
        last_lines=words,
        data={"sites": states},
    )


def _foreseen(changed: List[Site], context: Context) -> Tuple[Refused, bool]:
    """What nginx would refuse, tried on a copy. Where earlier operations of this check would bring more, only a run can tell."""
    words = site_files.on_trial(changed)
    if not words:
        return {}, False
    unsure = any(context.expects_any(kind) for kind in ("path", "tree", "package", "command"))
    bad = {site["name"]: found for site in changed for found in [site_files.on_trial([site])] if found}
    return bad or {" and ".join(site["name"] for site in changed): words}, unsure


def _installed(changed: List[Site], sites: List[Site]) -> Refused:
    """Install what changed. Gives what had to be put back."""
    words, bad = _attempt(changed, sites)
    if not words:
        return bad
    if len(changed) == 1:
        return {changed[0]["name"]: words}
    refused: Refused = {}
    for site in changed:
        refused.update(_installed([site], sites))
    return refused


def _attempt(changed: List[Site], sites: List[Site]) -> Tuple[List[str], Refused]:
    """Try these together: words if nginx does not take them, or if another site is worse for it (all are back then);
    otherwise the sites whose own probe failed (these alone are back)."""
    old = {site["name"]: site_files.before(site) for site in changed}
    new = {name for name, files in old.items() if not any(content for _path, content, _enabled in files)}
    answers = [
        (site["name"], probe, site_probe.NEVER if site["name"] in new else site_probe.ask(probe))
        for site in sites
        for probe in site["probes"]
    ]
    loaded = False
    try:
        for site in changed:
            site_files.install(site_files.wanted(site))
        words = webserver.refused()
        if not words:
            loaded = True
            words = webserver.load()
        failed = {} if words else _failed(answers, set(old))
    except BaseException:
        _return(old.values(), loaded)
        raise
    words = words or [line for name, lines in failed.items() if name not in old for line in lines]
    if words:
        _return(old.values(), loaded)
        return words, {}
    if failed:
        _return([old[name] for name in failed], loaded)
    for site in changed:
        if site["name"] not in failed:
            site_files.accept(site)
    return [], failed


def _failed(answers: List[Tuple[str, Dict[str, Any], site_probe.Answer]], changed: Set[str]) -> Refused:
    """The sites that answer worse now. One that was not touched and did not answer before proves nothing."""
    failed: Refused = {}
    for name, probe, answer in answers:
        why = site_probe.worse(probe, answer) if name in changed or not answer["why"] else ""
        if why:
            failed.setdefault(name, []).append(why)
    return failed


def _return(old: Iterable[List[site_files.File]], loaded: bool) -> None:
    """Put files back; nginx is told if it may have taken the others."""
    for files in old:
        site_files.install(files)
    if loaded:
        webserver.load()


def nginx_reload(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Tested, then loaded."""
    if "notified" in arguments and not arguments["notified"]:
        return Outcome(False)
    if not shutil.which("nginx"):
        raise _absent()
    words = webserver.refused()
    if words:
        raise OperationError(
            "nginx does not accept its configuration; it goes on as it was",
            hint="the words name the file and the line: correct them there, or have the sites written again: invoke nginx.apply",
            last_lines=words,
        )
    words = [] if context.check else webserver.load()
    if words:
        raise OperationError(
            "nginx could not load its configuration; it goes on as it was",
            hint="systemctl status nginx on the host says more; mend what the words name, then do it again",
            last_lines=words,
        )
    return Outcome(True, "reloaded")

"""Sites of nginx on real hosts: a bad one is put back, whatever is wrong with it, and the others never notice."""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab.suite.project import NAME, Suite
from windlass.errors import HostError, UsageError
from windlass.flows.edge.nginx import Sites, apply, reload, serving

pytestmark = pytest.mark.lab

TAKEN = 8195
KNOWN = "/etc/nginx/sites-enabled/windlass-ported.balancer.conf"
GOOD = Path(__file__).parents[2] / "templates" / "nginx" / "balancer.conf.j2"
# The site of the application `ported`, and the way in which it is bad.
BAD = {
    "refused by nginx -t": ("server {\n", "server {\n\tno_such_directive on;\n", "no_such_directive"),
    "a port that another program has": ("server {\n", f"server {{\n\tlisten {TAKEN};\n", f"bind() to 0.0.0.0:{TAKEN} failed"),
    "answers worse than before": ("\tset $windlass_own", "\treturn 500;\n\tset $windlass_own", "answers 500, before it was"),
    "answers no longer": ("listen 8090 default_server", "listen 127.0.0.1:8196", "nothing listens at port 8090"),
    "a name that another site has": (
        "server {\n",
        "server { listen 80; server_name _; return 204; }\nserver { listen 80; server_name _; return 204; }\nserver {\n",
        "conflicting server name",
    ),
}


class Visitors:
    """Ask for a page again and again, each time by a new connection; what was not answered well is kept."""

    def __init__(self, suite: Suite, port: int) -> None:
        self.address, self.port = suite.lab.hosts["front"].address, port
        self.answered, self.lost = 0, list[str]()
        self._stop = threading.Event()

    def _ask(self) -> None:
        while not self._stop.is_set():
            try:
                connection = http.client.HTTPConnection(self.address, self.port, timeout=60)
                connection.request("GET", "/", headers={"Connection": "close"})
                status = connection.getresponse().status
                connection.close()
            except OSError as error:
                self.lost.append(repr(error))
                continue
            self.answered += status == 200
            if status != 200:
                self.lost.append(str(status))
            time.sleep(0.01)

    @contextmanager
    def busy(self) -> Iterator[Visitors]:
        threads = [threading.Thread(target=self._ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()


@pytest.fixture(scope="module")
def served(suite: Suite) -> Suite:
    for name in ("tiny", "ported"):
        suite.deploy(name)
    return suite


@pytest.fixture
def own(served: Suite) -> Iterator[Path]:
    """The project's own template for balancers, which counts more than ours; everything is as before after the test."""
    path = served.project / "templates" / "nginx" / GOOD.name
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        assert run(served).error() is None


def run(suite: Suite, *, site: str = "", check: bool = False) -> Sites:
    return apply(suite.workspace, serving(suite.workspace, "front", site), check=check)


def changed(name: str = "", old: str = "", new: str = "") -> str:
    """Our template with another limit for every site, and another text in the site of one application."""
    head = f"(head | replace({old!r}, {new!r}) if application == {name!r} else head) | replace('10m', '7m')"
    template = GOOD.read_text()
    assert "{{ head }}" in template
    return template.replace("{{ head }}", f"{{{{ {head} }}}}")


def test_what_is_as_wanted_is_left_alone(served: Suite) -> None:
    workers = served.shell("front", "pgrep -P $(cat /run/nginx.pid)")

    found = run(served).hosts["front"]

    assert {"all sites", "tiny", "ported"} <= set(found)
    assert set(found.values()) == {"unchanged"}
    assert served.shell("front", "pgrep -P $(cat /run/nginx.pid)") == workers


@pytest.mark.parametrize("how", BAD)
def test_a_bad_site_is_put_back_and_the_others_never_notice(served: Suite, own: Path, how: str) -> None:
    old, new, words = BAD[how]
    own.write_text(changed("ported", old, new))
    before = served.shell("front", f"cat {KNOWN}")
    listener = f"systemd-run --quiet --collect --unit=taken python3 -m http.server {TAKEN}"
    served.shell("front", f"{listener}; until ss -Hltn 'sport = :{TAKEN}' | grep -q .; do sleep 0.1; done")
    try:
        with Visitors(served, 80).busy() as visitors:
            found = run(served)
            served.shell("front", "nginx -s reload")
    finally:
        served.shell("front", "systemctl stop taken")

    error = found.error()
    assert isinstance(error, HostError)
    assert "ported" in error.message
    assert words in "\n".join(error.last_lines)
    assert (found.hosts["front"]["tiny"], words in found.hosts["front"]["ported"]) == ("changed", True)
    assert (visitors.lost, visitors.answered > 20) == ([], True)
    assert served.shell("front", f"cat {KNOWN}") == before
    assert "client_max_body_size 7m;" in served.shell("front", "cat /etc/nginx/sites-enabled/windlass-tiny.balancer.conf")
    served.shell("front", "nginx -t -q")
    with urllib.request.urlopen(served.url(port=8090), timeout=60) as answer:  # noqa: S310 - a lab host
        assert answer.status == 200


def test_a_check_says_what_would_change_and_what_nginx_would_refuse_and_touches_nothing(served: Suite, own: Path) -> None:
    everything = "find /etc/nginx /var/lib/windlass /var/log/nginx /run -xdev -newer /root/mark ! -path '/run/windlass*' ! -type s"
    own.write_text(changed())
    served.shell("front", "sleep 0.1; touch /root/mark; sleep 0.1")
    would = run(served, check=True)
    own.write_text(changed("ported", *BAD["refused by nginx -t"][:2]))
    refused = run(served, check=True)

    assert would.error() is None
    applications = served.workspace.environment.applications
    assert would.hosts["front"] == {"all sites": "unchanged"} | dict.fromkeys(applications, "changed")
    error = refused.error()
    assert isinstance(error, HostError)
    assert 'unknown directive "no_such_directive"' in refused.hosts["front"]["ported"]
    assert "/etc/nginx/sites-enabled/windlass-ported.balancer.conf" in "\n".join(error.last_lines)
    touched = [line for line in served.shell("front", everything).splitlines() if "/nginx" in line and not line.endswith(".log")]
    assert touched == []


def test_one_site_alone(served: Suite, own: Path) -> None:
    own.write_text(changed())

    assert run(served, site="ported").hosts == {"front": {"ported": "changed"}}
    assert "7m;" in served.shell("front", f"cat {KNOWN}")
    assert "7m;" not in served.shell("front", "cat /etc/nginx/sites-enabled/windlass-tiny.balancer.conf")
    with pytest.raises(UsageError, match="verdaccio"):
        serving(served.workspace, "front", "verdaccio")


def test_a_reload_is_refused_with_the_words_of_nginx_and_seen_to_work(served: Suite) -> None:
    workers = "pgrep -P $(cat /run/nginx.pid) | sort"
    before = served.shell("front", workers).split()
    reload(served.workspace, ["front"])
    after = served.shell("front", workers).split()
    served.shell("front", "echo 'broken on;' > /etc/nginx/conf.d/broken.conf")
    try:
        with pytest.raises(HostError) as caught:
            reload(served.workspace, ["front"])
    finally:
        served.shell("front", "rm /etc/nginx/conf.d/broken.conf")

    assert set(after) - set(before)
    assert 'unknown directive "broken"' in "\n".join(caught.value.last_lines)
    assert served.shell("front", workers).split() != []


def test_a_file_of_somebody_else_s_that_nginx_refuses_is_not_held_against_our_sites(served: Suite, own: Path) -> None:
    own.write_text(changed())
    before = served.shell("front", f"cat {KNOWN}")
    served.shell("front", "echo 'theirs on;' > /etc/nginx/conf.d/theirs.conf")
    try:
        error = run(served).error()
    finally:
        served.shell("front", "rm /etc/nginx/conf.d/theirs.conf")

    assert isinstance(error, HostError)
    assert "did not before" in error.message
    assert "/etc/nginx/conf.d/theirs.conf:1" in "\n".join(error.last_lines)
    assert served.shell("front", f"cat {KNOWN}") == before


def test_the_commands_say_it_for_each_host_and_site(served: Suite) -> None:
    ran = {}
    for words in (["nginx.check", "--json"], ["nginx.apply", "--limit", "front", "--site", "tiny"], ["nginx.reload"]):
        process = served.command(*words, "--env", NAME, "--lab")
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        ran[words[0]] = output

    assert json.loads(ran["nginx.check"])["result"]["sites"]["app1"]["tiny"] == "unchanged"
    assert [line.split() for line in ran["nginx.apply"].splitlines()][-1] == ["front", "tiny", "unchanged"]
    assert ran["nginx.reload"].strip() == "reloaded on front, app1, app2"

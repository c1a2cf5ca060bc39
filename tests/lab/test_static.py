"""A frontend that is only files, on real hosts: pages last, assets never missing, and back at once."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import pytest

from tests.lab.suite.project import Suite, git
from windlass.errors import FlowFailed, UsageError
from windlass.flows.deployment.overview import processes, status

pytestmark = pytest.mark.lab

FOREVER = "public, max-age=31536000, immutable"
# The workers of before may take requests for a moment yet; what comes after them is served as is told now.
RELOAD = """
old=$(pgrep -f '[n]ginx: worker')
systemctl reload nginx
for pid in $old; do while [ -e /proc/$pid ]; do sleep 0.05; done; done
"""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str


def ask(suite: Suite, path: str, **headers: str) -> Answer:
    """An answer from the balancer, by a connection of its own."""
    with closing(http.client.HTTPConnection(suite.lab.hosts["front"].address, 8095, timeout=60)) as connection:
        connection.request("GET", path, headers={name.replace("_", "-"): text for name, text in headers.items()})
        answer = connection.getresponse()
        found = {name.lower(): text for name, text in answer.getheaders()}
        return Answer(answer.status, found, answer.read().decode())


def assets(page: str) -> set[str]:
    return set(re.findall(r'(?:src|href)="(/assets/[^"]+)"', page))


def change(suite: Suite, words: str) -> None:
    """A new version of the frontend: its script differs, and so does the script's name."""
    repository = suite.project / "pages"
    (repository / "src" / "main.js").write_text(f"document.title = {json.dumps(words)}\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "--allow-empty", "-m", words)


@pytest.fixture(scope="module")
def served(suite: Suite) -> Suite:
    change(suite, "first")
    suite.deploy("pages")
    return suite


@dataclass
class Readers:
    """They open the page, load what it names, and go on loading what an earlier page named."""

    suite: Suite
    pages: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    lost: list[str] = field(default_factory=list)
    answered: int = 0

    def _read(self, stop: threading.Event) -> None:
        while not stop.is_set():
            page = self._get("/some/page/of/mine")
            self.pages.add(page)
            self.seen |= assets(page)
            for path in sorted(self.seen):
                self._get(path)
            time.sleep(0.01)

    def _get(self, path: str) -> str:
        try:
            answer = ask(self.suite, path)
        except OSError as error:
            self.lost.append(f"{path}: {error!r}")
            return ""
        if answer.status != 200:
            self.lost.append(f"{path}: {answer.status}")
        self.answered += answer.status == 200
        return answer.body

    @contextmanager
    def busy(self) -> Iterator[Readers]:
        stop = threading.Event()
        threads = [threading.Thread(target=self._read, args=(stop,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def test_each_answer_says_how_long_it_may_be_kept(served: Suite) -> None:
    page = ask(served, "/")
    (script,) = [path for path in assets(page.body) if path.endswith(".js")]

    found = {path: ask(served, path) for path in ("/", "/index.html", "/a/path/of/the/page", "/robots.txt", script)}
    missing = [ask(served, path) for path in ("/assets/main-00000000.js", "/assets/", "/.env", "/.git/config")]

    assert {path: (each.status, each.headers["cache-control"]) for path, each in found.items()} == {
        "/": (200, "no-cache"),
        "/index.html": (200, "no-cache"),
        "/a/path/of/the/page": (200, "no-cache"),
        "/robots.txt": (200, "no-cache"),
        script: (200, FOREVER),
    }
    assert found["/a/path/of/the/page"].body == page.body
    assert [(each.status, each.headers["cache-control"], "<h1>Pages" in each.body) for each in missing] == [
        (404, "no-cache", False)
    ] * 4
    again = ask(served, script, If_None_Match=found[script].headers["etag"])
    assert (again.status, again.headers["cache-control"]) == (304, FOREVER)


def test_deploys_and_a_rollback_under_load_lose_neither_page_nor_asset(served: Suite) -> None:
    """And an asset goes when the last of the three releases that are kept has it no longer."""
    change(served, f"first of {time.time()}")
    served.deploy("pages")
    first = {path for path in assets(ask(served, "/").body) if path.endswith(".js")}
    with Readers(served).busy() as readers:
        for words in (f"second {time.time()}", f"third {time.time()}"):
            change(served, words)
            served.deploy("pages")
        third = served.live("pages")
        back = served.rollback("pages")

    second = {path for path in assets(ask(served, "/").body) if path.endswith(".js")}
    assert readers.lost == []
    assert readers.answered > 100
    assert len({path for path in readers.seen if path.endswith(".js")}) == 3
    assert back.warm
    assert set(served.live("pages").values()) == {back.release} != set(third.values())
    assert "second" in ask(served, second.pop()).body

    change(served, "fourth")
    served.deploy("pages")

    assert [ask(served, path).status for path in first] == [404]
    assert {ask(served, path).status for path in readers.seen - first} == {200}


def test_a_page_of_the_same_length_and_time_is_not_taken_for_the_one_before(served: Suite) -> None:
    served.deploy("pages")
    before = ask(served, "/")
    served.deploy("pages", force=True)

    after = ask(served, "/", If_None_Match=before.headers["etag"], If_Modified_Since=before.headers["last-modified"])

    assert (after.status, after.body) == (200, before.body)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("rm dist/index.html", "there is no index.html"),
        ("rm dist/assets/*.js", "which the build has not made"),
        (
            "for file in dist/assets/style-*.css; do echo changed >> $file; done",
            "differs from the one of an earlier release under the same name",
        ),
    ],
    ids=["no page", "an asset is missing", "an asset that is not what its name says"],
)
def test_a_broken_build_never_gets_a_request(served: Suite, script: str, said: str) -> None:
    before, page = served.live("pages"), ask(served, "/").body
    repository = served.project / "pages"
    good = (repository / "build.js").read_text()
    change(served, f"broken {said}")
    (repository / "build.js").write_text(
        f"{good}\nimport {{ execSync }} from 'node:child_process'\nexecSync({json.dumps(script)})\n"
    )
    git(repository, "commit", "-q", "-am", "broken")

    try:
        with Readers(served).busy() as readers, pytest.raises(FlowFailed) as caught:
            served.deploy("pages")
    finally:
        (repository / "build.js").write_text(good)
        git(repository, "commit", "-q", "-am", "mended")

    assert said in caught.value.message
    assert (readers.lost, readers.pages) == ([], {page})
    assert served.live("pages") == before


def test_a_release_that_nginx_does_not_serve_is_taken_back(served: Suite) -> None:
    before = served.live("pages")
    enabled = "/etc/nginx/sites-enabled/windlass-pages.conf"
    served.shell("app1", f"sed 's#root /srv/pages/live/site;#root /var/www/html;#' {enabled} > /etc/nginx/conf.d/other.conf")
    served.shell("app1", f"mv {enabled} /root/; {RELOAD}")
    change(served, "not served")
    try:
        with pytest.raises(FlowFailed) as caught:
            served.deploy("pages")
    finally:
        served.shell("app1", f"rm /etc/nginx/conf.d/other.conf; mv /root/windlass-pages.conf {enabled}; {RELOAD}")

    assert "nginx does not serve the release" in caught.value.message
    assert served.live("pages") == before


def test_status_says_whether_the_files_are_whole(served: Suite) -> None:
    application = served.workspace.environment.application("pages")
    hosts = ["app1", "app2"]
    with served.workspace.fleet(hosts) as fleet:
        well = status(served.workspace, application, fleet, now=time.time())
        served.shell("app2", "mv /srv/pages/live/site/index.html /srv/pages/hidden")
        sick = status(served.workspace, application, fleet, now=time.time())
        served.shell("app2", "mv /srv/pages/hidden /srv/pages/live/site/index.html")
        with pytest.raises(UsageError, match="only files"):
            processes(application, fleet)

    assert {row.host for row in well.rows if row.live and row.healthy} == set(hosts)
    assert [(row.host, "there is no page in" in row.why) for row in sick.rows if row.live and not row.healthy] == [("app2", True)]


def test_the_log_says_which_release_answered(served: Suite) -> None:
    ask(served, "/?who=logged")
    rows = [
        json.loads(line)
        for host in ("app1", "app2")
        for line in served.shell(host, "grep -F who=logged /var/log/nginx/pages.log || true").splitlines()
    ]

    assert [row["release"] for row in rows] == [served.live("pages")["app1"]]

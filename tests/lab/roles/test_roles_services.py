"""What the roles keep running: there again after a boot or a kill, and changed without more than it takes."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.lab.roles.place import NAME, TABLE, Site
from tests.unit.roles_sample import PROJECT
from windlass import lab
from windlass.operations.npm import NpmPackage
from windlass.operations.wire import Batch

pytestmark = pytest.mark.lab


def test_after_a_power_cut_everything_is_there_again_with_the_processes_that_pm2_knew(site: Site) -> None:
    pm2 = "cd / && runuser -u tickets -- env HOME=/srv/tickets PM2_HOME=/srv/tickets/.pm2 pm2"
    site.shell("app1", f"{pm2} start --name kept --interpreter none /bin/sleep -- 1000000; {pm2} save")
    for host in ("web1", "app1"):
        lab.cut_power(site.lab.hosts[host])
        lab.boot(site.lab, host, say=lambda _line: None)
        assert site.shell(host, "systemctl is-system-running --wait") == "running"
    listed = json.loads(site.shell("app1", f"{pm2} jlist"))
    kept = site.shell("app1", "systemctl status pm2-tickets | grep sleep")
    site.shell("app1", f"{pm2} delete kept; {pm2} save --force")

    assert [(each["name"], each["pm2_env"]["status"]) for each in listed] == [("kept", "online")]
    assert "/bin/sleep 1000000" in kept
    assert "policy drop" in site.shell("web1", TABLE)
    assert site.shell("web1", "ss -Hltn | awk '{print $4}'").split().count(f"{site.address('web1')}:5432") == 1
    assert site.setup() == {}


def test_a_pm2_that_is_killed_is_started_again(site: Site) -> None:
    pid = "systemctl show --property=MainPID --value pm2-tickets"
    before = site.shell("app2", pid)
    site.shell("app2", f"kill -KILL {before}; until [ $({pid}) != {before} ] && [ $({pid}) != 0 ]; do sleep 0.1; done")

    assert site.shell("app2", "systemctl is-active pm2-tickets") == "active"
    assert site.setup() == {}


def test_the_applications_hosts_log_in_to_their_database_and_nobody_else(site: Site) -> None:
    site.shell("app1", "command -v psql >/dev/null || apt-get install -qqy postgresql-client-15 >/dev/null 2>&1")
    password = site.workspace.secrets.get("tickets_database_password").reveal()

    def login(host: str, word: str, database: str = "tickets") -> str:
        """What psql prints, its complaint included; the password travels in the environment."""
        place = f"host={site.address('web1')} user=tickets dbname={database}"
        return site.shell(host, f"cd /; PGPASSWORD={word} psql -Atc 'select current_user' '{place}' 2>&1 || true")

    assert login("app1", password) == "tickets"
    assert "password authentication failed" in login("app1", "wrong")
    assert "no pg_hba.conf entry" in login("app1", password, "postgres")
    assert "no pg_hba.conf entry" in login("web1", password)


def test_redis_answers_the_applications_hosts(site: Site) -> None:
    assert site.shell("app2", "exec 3<>/dev/tcp/web1/6379; printf 'PING\\r\\n' >&3; head -c 5 <&3") == "+PONG"
    assert site.shell("web1", "redis-cli config get maxmemory-policy | tail -1") == "noeviction"


def test_a_new_password_is_one_change_and_counts_at_once(site: Site) -> None:
    secrets = site.project / ".windlass" / "secrets" / f"{NAME}-lab.yml"
    before = secrets.read_text()
    secrets.write_text('tickets_database_password: "another-84"\n')
    try:
        assert site.setup() == {"web1": 1}
        assert site.shell("web1", "cd /; PGPASSWORD=another-84 psql -h 127.0.0.1 -U tickets -Atc 'select 1' tickets") == "1"
        assert site.setup() == {}
    finally:
        secrets.write_text(before)
        site.setup()


def test_a_setting_that_needs_no_restart_causes_none(site: Site) -> None:
    variables = site.project / "inventories" / NAME / "variables.yml"
    before = variables.read_text()
    defaults = yaml.safe_load((PROJECT / "roles/postgresql/defaults.yml").read_text())["parameters"]
    pid = "head -1 /var/lib/postgresql/15/main/postmaster.pid"
    started = site.shell("web1", pid)
    shown = "cd /; runuser -u postgres -- psql -Atc 'show {}'"

    def given(**more: str) -> dict[str, int]:
        values = yaml.safe_load(before)
        values["variables"]["postgresql"]["parameters"] = defaults | more
        variables.write_text(yaml.safe_dump(values))
        return site.setup()

    try:
        assert given(work_mem="8MB") == {"web1": 2}
        site.shell("web1", f'until [ "$({shown.format("work_mem")})" = 8MB ]; do sleep 0.1; done')
        assert site.shell("web1", pid) == started
        assert given(work_mem="8MB", max_connections="90") == {"web1": 2}
        assert site.shell("web1", shown.format("max_connections")) == "90"
    finally:
        variables.write_text(before)
        site.setup()


def test_packages_of_npm_come_in_their_version_and_go(site: Site) -> None:
    older, newer = (NpmPackage(names=(f"is-number@{version}",)) for version in ("6", "7.0.0"))
    gone = NpmPackage(names=("is-number",), absent=True)
    with site.workspace.fleet(["app1"]) as fleet:
        results = fleet.channel("app1").run(Batch((older, older, newer, newer, gone, gone), go_on=True))

    summaries = ["install is-number@6", "", "install is-number@7.0.0", "", "remove is-number", ""]
    assert [(result.summary, result.message) for result in results] == [(summary, "") for summary in summaries]
    assert results[2].diff == "+is-number@7.0.0 (now 6.0.0)"


def test_logs_are_rotated_without_a_word_to_the_processes(site: Site) -> None:
    script = """
        printf 'line\\n' | runuser -u tickets -- tee /var/log/tickets/blue-web-0.log >/dev/null
        logrotate --force /etc/logrotate.d/windlass-tickets
        stat -c '%s %U' /var/log/tickets/blue-web-0.log
        cat /var/log/tickets/blue-web-0.log.1
        rm /var/log/tickets/*
    """

    assert site.shell("app1", script).splitlines() == ["0 tickets", "line"]

"""A real systemd and a real cron run backups, and make up for what they missed, on a host that is its own controller."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest

from tests.lab.backups.controller import PROJECT, make_controller
from tests.lab.backups.place import Place
from tests.plans.test_calendar import WRITTEN
from tests.waiting import until
from windlass.plans.calendar import calendar, following

pytestmark = pytest.mark.lab

BACKUPS = f'ls "{PROJECT}/backups/tickets" 2>/dev/null || true'


def windlass(place: Place, words: str) -> str:
    return place.shell(f'cd "{PROJECT}" && python3 -m windlass.tasks.program {words} 2>&1')


def test_systemd_reads_our_times_as_cron_would(place: Place) -> None:
    base = datetime(2026, 11, 20, 12, tzinfo=UTC)
    for schedule, expressions in WRITTEN:
        asked = " ".join(f"'{each}'" for each in expressions)
        told = place.shell(f"TZ=UTC systemd-analyze calendar --base-time='2026-11-20 12:00:00 UTC' --iterations=4 {asked}")
        times = sorted({datetime.fromisoformat(f"{each}+00:00") for each in re.findall(r": \w+ (\d\S+ \S+) UTC", told)})

        ours, moment = [], base
        for _time in range(4):
            moment = following(calendar(schedule), moment)
            ours.append(moment)

        assert times[: len(ours)] == ours, schedule


def test_a_timer_and_then_cron_make_up_once_for_a_missed_run(place: Place) -> None:
    make_controller(place)

    windlass(place, "backup.schedule --env night --with systemd")
    again = windlass(place, "backup.schedule --env night --with systemd --check")
    (unit,) = place.shell("cd /etc/systemd/system && ls windlass-backup-night-tickets-*.timer").splitlines()
    verified = place.shell(f"systemd-analyze verify /etc/systemd/system/{unit} 2>&1 || true")
    due = place.shell(f"systemctl show -p NextElapseUSecRealtime --value {unit}")
    none_yet = place.shell(BACKUPS)
    place.shell(f"systemctl stop {unit}; touch -d '2 days ago' /var/lib/systemd/timers/stamp-{unit}; systemctl start {unit}")
    service = unit.replace(".timer", ".service")
    until(lambda: place.shell(f"systemctl show -p ExecMainExitTimestamp --value {service}"))
    journal = place.shell("journalctl -o cat -t windlass")
    place.shell(f"systemctl restart {unit}")
    by_systemd = place.shell(BACKUPS).split()

    assert "systemd is as it should be" in again
    assert "windlass-backup" not in verified
    assert due.endswith("02:30:00 UTC")
    assert none_yet == ""
    assert len(by_systemd) == 1, journal
    assert "verified" in journal

    mail = _mail_of_a_failure(place)
    assert mail.startswith("-i -f windlass@example.org -- ops@example.org\nSubject: [windlass] night: backup of gone failed:")
    assert "no database called gone" in " ".join(mail.split()) or 'database "gone" does not exist' in " ".join(mail.split())

    windlass(place, "backup.schedule --env night --with cron")
    note = f"{PROJECT}/.windlass/backups/night-tickets.json"
    noted = json.loads(place.shell(f'cat "{note}"'))
    noted["backup"]["started"] = "2026-11-01T02:30:00Z"
    place.shell(f"cat >\"{note}\" <<'NOTE'\n{json.dumps(noted)}\nNOTE")
    place.shell("crontab -l | sed 's/sleep 120/sleep 0/' | crontab -; rm -f /run/crond.reboot; systemctl restart cron")
    until(lambda: len(place.shell(BACKUPS).split()) == 2)
    told = windlass(place, "backup.run --env night --if-missed")
    log = place.shell(f'cat "{PROJECT}/.windlass/backups/night-missed.log"')
    left = place.shell("ls /etc/systemd/system | grep windlass-backup || true")

    assert re.search(r"the run of \S+ 02:30 was missed: the last one began at 2026-11-01 02:30", log)
    assert "none was due since" in told
    assert len(place.shell(BACKUPS).split()) == 2
    assert left == ""
    windlass(place, "backup.schedule --env night --remove")
    assert place.shell("crontab -l 2>/dev/null || true") == ""


def _mail_of_a_failure(place: Place) -> str:
    """What this machine's sendmail is given, where the inventory names no server."""
    place.shell("printf '#!/bin/sh\\necho \"$@\" >/tmp/mail; cat >>/tmp/mail\\n' >/usr/sbin/sendmail; chmod 755 /usr/sbin/sendmail")
    try:
        windlass(place, "backup.run --env night --name gone || true")
        return place.shell("cat /tmp/mail")
    finally:
        place.shell("rm /usr/sbin/sendmail")

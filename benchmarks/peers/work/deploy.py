"""The 25 operations in pyinfra's words."""

from pyinfra import config
from pyinfra.operations import apt, crontab, files, server, systemd

WORKERS = [{"name": f"w{number}", "weight": number * 10} for number in range(5)]
config.SUDO = True
server.group(group="app")
server.user(user="appuser", group="app", shell="/bin/bash")
server.user(user="worker", shell="/usr/sbin/nologin")
files.directory(path="/opt/app", user="appuser", group="app", mode="755")
files.directory(path="/opt/app/releases", user="appuser", group="app", mode="755")
files.directory(path="/opt/app/shared", user="appuser", group="app", mode="750")
files.directory(path="/etc/app", user="root", group="app", mode="755")
for each in range(1, 7):
    files.template(
        src=f"templates/work/t{each}.conf.j2",
        dest=f"/etc/app/t{each}.conf",
        user="root",
        group="app",
        mode="640",
        app_name="shop",
        debug=False,
        workers=WORKERS,
    )
files.put(src="files/small.bin", dest="/opt/app/shared/small.bin", user="appuser", group="app", mode="644")
files.put(src="files/big.bin", dest="/opt/app/shared/big.bin", user="appuser", group="app", mode="644")
files.line(path="/etc/environment", line="APP_ENV=prod")
files.line(path="/etc/profile", line="export APP=1")
files.line(path="/etc/security/limits.conf", line="appuser soft nofile 65536")
files.link(path="/opt/app/current", target="/opt/app/releases")
files.link(path="/opt/app/config", target="/etc/app")
crontab.crontab(command="/bin/true", user="appuser", minute="*/5", cron_name="app job")
apt.packages(packages=["curl"])
apt.packages(packages=["nginx-light"])
systemd.service(service="nginx", running=True, enabled=True)
systemd.service(service="cron", running=True, enabled=True)

"""A deploy as somebody writes it by hand with Fabric. Arguments: key, known_hosts, release, user@address:port …"""

import sys

from fabric import Config, ThreadingGroup
from paramiko import RejectPolicy

KEY, KNOWN_HOSTS, RELEASE, *PLACES = sys.argv[1:]
SCRIPT = f"""
set -e; cd /srv/theirs
mkdir -p releases/{RELEASE} && tar -xzf /tmp/release.tar.gz -C releases/{RELEASE}
ln -sfn releases/{RELEASE} next && mv -T next live
ls -d releases/* | head -n -3 | xargs -r rm -rf
"""

group = ThreadingGroup(
    *PLACES,
    config=Config(overrides={"load_ssh_configs": False}),
    connect_kwargs={"key_filename": KEY, "look_for_keys": False, "allow_agent": False},
)
for connection in group:
    connection.client.load_system_host_keys(KNOWN_HOSTS)
    connection.client.set_missing_host_key_policy(RejectPolicy())
group.run("sudo -n mkdir -p /srv/theirs/releases", hide=True, in_stream=False)
group.put("release.tar.gz", "/tmp/release.tar.gz")  # noqa: S108
group.run(f"sudo -n sh -c '{SCRIPT}'", hide=True, in_stream=False)

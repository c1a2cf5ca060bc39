"""The SSH server of a host of the lab."""

from __future__ import annotations

RESTART = "systemctl reset-failed ssh; systemctl restart ssh"  # systemd takes five starts within ten seconds, and tests make more

"""The base image: a small, sane Debian 12, built once per fingerprint of what goes into it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from windlass.errors import LabError
from windlass.lab import surroundings
from windlass.lab.folders import Say, cache, remove_tree

PACKAGES = (
    "apt-utils", "ca-certificates", "cron", "curl", "dbus", "iproute2", "iputils-ping", "less", "libpam-systemd", "locales",
    "netbase", "nftables", "openssh-server", "procps", "python3", "sudo", "systemd", "systemd-sysv", "tzdata", "zstd",
)  # fmt: skip
READ_LISTS = ("apt-cache", "gencaches")  # a second of processor time, which each host would take for itself when it must
# The lists of packages are of the sources that are written after them. Left older, they count as stale, and each host fetches them.
LISTS_ARE_NEW = ("touch", "/var/lib/apt/lists")
BUILD_LIMIT = 900.0  # seconds; a slow mirror needs minutes, a hung one must not hang us
# A kill of this program ends the build and all that it mounted: no orphan writes into the folder of the next try.
_DIES_WITH_US = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
NETWORK_UNIT = """\
[Unit]
Description=Static address of a lab host
DefaultDependencies=no
After=systemd-sysctl.service
Before=network-pre.target network.target shutdown.target
Wants=network.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
EnvironmentFile=/etc/lab/network
ExecStart=/sbin/ip link set host0 up
ExecStart=/sbin/ip address replace ${ADDRESS} dev host0
ExecStart=/sbin/ip route replace default via ${GATEWAY}

[Install]
WantedBy=multi-user.target
"""
FILES = {
    "etc/apt/apt.conf.d/91lab": 'APT::Keep-Downloaded-Packages "false";\nAcquire::Languages "none";\n'
    "// Nobody is there to be asked.\n#clear DPkg::Pre-Install-Pkgs;\n",
    "etc/dpkg/dpkg.cfg.d/lab": "# Lab hosts are thrown away: package installs need not survive a power cut.\nforce-unsafe-io\n",
    "etc/default/locale": "LANG=C.UTF-8\n",
    "etc/ssh/sshd_config.d/50-lab.conf": "",
    "etc/systemd/logind.conf.d/lab.conf": "# Who comes again finds what systemd runs for a user still there: half a login.\n"
    "[Login]\nUserStopDelaySec=infinity\n",
    "etc/sudoers.d/lab-environment": "# sudo starts from an empty environment; proxies and trust are needed there too.\n"
    "Defaults env_file=/etc/environment\n",
    "etc/systemd/system/lab-network.service": NETWORK_UNIT,
}
# PostgreSQL's packages link their manual pages by a thousand programs: ten seconds of processor time for what nobody reads there.
MANUALS = "usr/share/postgresql-common/maintscripts-functions"
FILES[MANUALS] = f". /{MANUALS}.distrib\n_link_manpages() {{ :; }}\n_unlink_manpages() {{ :; }}\n"
DIVERT = ("dpkg-divert", "--quiet", "--local", "--no-rename", "--add", f"/{MANUALS}")
# What looks at each start, and whenever units are read again, for what a lab host never has.
GENERATORS = (
    "cryptsetup", "debug", "getty", "gpt-auto", "hibernate-resume", "integritysetup", "rc-local", "run", "system-update",
    "veritysetup",
)  # fmt: skip
LINKS = {f"etc/systemd/system-generators/systemd-{name}-generator": "/dev/null" for name in GENERATORS} | {
    "etc/systemd/system/multi-user.target.wants/lab-network.service": "../lab-network.service",
    "etc/systemd/system/apt-daily.timer": "/dev/null",
    "etc/systemd/system/apt-daily-upgrade.timer": "/dev/null",
}


def fingerprint() -> str:
    """Twelve characters that change whenever the image would come out different: its parts, sources or trust."""
    commands = (*READ_LISTS, *LISTS_ARE_NEW, *DIVERT)
    parts = [surroundings.RELEASE, *PACKAGES, *commands, surroundings.apt_sources(), surroundings.apt_configuration()]
    parts += [f"{path}\n{content}" for path, content in (FILES | LINKS).items()]
    parts += [path.read_text() for path in surroundings.certificates()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def ensure(say: Say) -> str:
    """The name of the base image for this machine, built if it is not there. The caller holds the lock of the cache."""
    name = fingerprint()
    folder = cache() / "base" / name
    if folder.exists():
        os.utime(folder)  # the one used last is the one that outlives `collect`
        return name
    say("building the base image of the lab hosts, once: about half a minute")
    partial = folder.with_name(f"{name}.partial")
    for left in folder.parent.glob("*.partial"):
        remove_tree(left)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _bootstrap(partial)
    _customise(partial)
    os.utime(partial)
    partial.rename(folder)
    return name


def _bootstrap(target: Path) -> None:
    sources = surroundings.apt_sources()
    command = [
        *_DIES_WITH_US,
        "mmdebstrap", "--mode=root", "--format=directory", "--variant=minbase", f"--include={','.join(PACKAGES)}",
        "--aptopt=APT::Install-Recommends false", "--dpkgopt=force-unsafe-io", "--skip=cleanup/apt/lists",
        surroundings.RELEASE, str(target), *(["-"] if sources else []),
    ]  # fmt: skip
    try:
        done = subprocess.run(command, input=sources, capture_output=True, text=True, timeout=BUILD_LIMIT, check=False, cwd="/")
    except subprocess.TimeoutExpired as error:
        raise LabError(f"the base image was not built within {BUILD_LIMIT:.0f} s", hint="is the mirror slow?") from error
    if done.returncode:
        raise LabError(
            "the base image could not be built",
            hint="see the last lines; `apt-get update` on this machine shows whether its Debian sources can be reached",
            last_lines=done.stderr.splitlines()[-15:],
        )


def _customise(target: Path) -> None:
    """Turn the bare system into a lab host: this machine's sources and trust, no keys, no timers of its own."""
    for left in (*target.glob("etc/ssh/ssh_host_*"), *target.glob("etc/apt/apt.conf.d/99mmdebstrap")):
        left.unlink()
    (target / "etc/dpkg/dpkg.cfg.d/99mmdebstrap").unlink(missing_ok=True)
    for path, content in FILES.items():
        _write(target / path, content)
    (target / "etc/sudoers.d/lab-environment").chmod(0o440)
    _write(target / "etc/apt/apt.conf.d/90lab-controller", surroundings.apt_configuration())
    if sources := surroundings.apt_sources():
        for left in (target / "etc/apt/sources.list", *target.glob("etc/apt/sources.list.d/*")):
            left.unlink(missing_ok=True)
        _write(target / "etc/apt/sources.list.d/debian.sources", sources)
    for path, destination in LINKS.items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).symlink_to(destination)
    (target / "etc/machine-id").write_text("")
    shutil.rmtree(target / "etc/update-motd.d", ignore_errors=True)  # what PAM runs at each login, by three programs and more
    _run(target, *DIVERT)
    _trust(target)
    _run(target, *LISTS_ARE_NEW)
    _run(target, *READ_LISTS)


def _trust(target: Path) -> None:
    for path in surroundings.certificates():
        copy = target / path.relative_to("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    if surroundings.certificates():
        _run(target, "update-ca-certificates")


def _run(target: Path, *words: str) -> None:
    """Run a program inside the image."""
    done = subprocess.run(["chroot", str(target), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"`{' '.join(words)}` failed in the base image", last_lines=done.stderr.splitlines()[-5:])


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)

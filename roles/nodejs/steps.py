"""What the role nodejs wants of a host."""

from __future__ import annotations

from windlass.errors import InventoryError
from windlass.operations.archive import Archive
from windlass.operations.command import Run
from windlass.operations.directory import Directory
from windlass.operations.download import Download
from windlass.operations.file import File
from windlass.operations.link import Link
from windlass.operations.operation import Operation
from windlass.operations.package import Package
from windlass.plans.topology import HostView
from windlass.values import Command

from .settings import Settings

CACHE = "/var/cache/windlass"
BIN = "/usr/local/bin"
APT_SOURCE = "/etc/apt/sources.list.d/windlass-nodejs.list"
APT_KEY = "/etc/apt/keyrings/nodesource.asc"
# Under a partial name first: a folder of this name is whole. npm's links inside it are relative, so it can be moved.
INSTALL_PM2 = """
set -e
rm -rf {folder}.partial
npm install --global --prefix {folder}.partial --no-audit --no-fund --no-update-notifier --loglevel=error pm2@{version}
mv -T {folder}.partial {folder}
"""


def steps(host: HostView, settings: Settings) -> list[Operation]:
    """Node from where it is wanted, then PM2 from the npm registry."""
    sources = {"npm": _from_npm, "tarball": _from_tarball, "nodesource": _from_nodesource, "debian": _from_debian}
    return [*sources[settings.source](host, settings), *_pm2(host, settings)]


def _registry(host: HostView, settings: Settings) -> str:
    return (host.surroundings.npm_registry or settings.registry).rstrip("/")


def _from_npm(host: HostView, settings: Settings) -> list[Operation]:
    """The package of Node holds the program alone; npm is put where Node's own installation has it."""
    node = f"/opt/node/{settings.version}"
    npm = f"{node}/lib/node_modules/npm"
    return [
        *_folders(),
        *_npm_package(host, settings, f"node-linux-{settings.architecture}", settings.version, node),
        Directory(path=f"{node}/lib/node_modules"),
        *_npm_package(host, settings, "npm", settings.npm_version, npm),
        Link(path=f"{BIN}/node", target=f"{node}/bin/node"),
        *(Link(path=f"{BIN}/{name}", target=f"{npm}/bin/{name}-cli.js") for name in ("npm", "npx")),
    ]


def _npm_package(host: HostView, settings: Settings, name: str, version: str, folder: str) -> list[Operation]:
    registry = _registry(host, settings)
    if not registry:
        raise InventoryError(
            f"host {host.name}: nodejs gets Node from the npm registry, and the setting `registry` does not say where that is",
            hint="give nodejs.registry the address that `npm config get registry` shows, or choose another nodejs.source",
        )
    archive = f"{CACHE}/{name}-{version}.tgz"
    return [
        Download(url=f"{registry}/{name}/-/{name}-{version}.tgz", path=archive, checksum=settings.integrity[f"{name}@{version}"]),
        Archive(content=archive, path=folder, strip=1, replace=True),
    ]


def _from_tarball(_host: HostView, settings: Settings) -> list[Operation]:
    node = f"/opt/node/{settings.version}"
    url = settings.tarball_url.format(version=settings.version, architecture=settings.architecture)
    archive = f"{CACHE}/{url.rpartition('/')[2]}"
    return [
        Package(names=("xz-utils",)),
        *_folders(),
        Download(url=url, path=archive, checksum=f"sha256:{settings.tarball_sha256}"),
        Archive(content=archive, path=node, strip=1, replace=True),
        *(Link(path=f"{BIN}/{name}", target=f"{node}/bin/{name}") for name in ("node", "npm", "npx")),
    ]


def _from_nodesource(_host: HostView, settings: Settings) -> list[Operation]:
    exact = f"={settings.apt_version}" if settings.apt_version else ""
    return [
        Directory(path="/etc/apt/keyrings"),
        File(path=APT_KEY, content=settings.apt_key),
        File(path=APT_SOURCE, content=f"# Written by Windlass: changes made here are lost.\n{settings.apt_source}\n"),
        Package(names=(f"nodejs{exact}",)),
        *_no_links(),
    ]


def _from_debian(_host: HostView, _settings: Settings) -> list[Operation]:
    return [Package(names=("nodejs", "npm")), *_no_links()]


def _folders() -> list[Operation]:
    return [Directory(path=CACHE), Directory(path="/opt/node")]


def _no_links() -> list[Operation]:
    """What another source left in /usr/local/bin would be found before the package's programs."""
    return [Link(path=f"{BIN}/{name}", absent=True) for name in ("node", "npm", "npx")]


def _pm2(host: HostView, settings: Settings) -> list[Operation]:
    """A folder of its own: it stays when Node's version changes, and the old version stays until nothing runs on it."""
    folder, registry = f"/opt/pm2/{settings.pm2_version}", _registry(host, settings)
    return [
        Directory(path="/opt/pm2"),
        Run(
            command=INSTALL_PM2.format(folder=folder, version=settings.pm2_version),
            name=f"PM2 {settings.pm2_version} from the npm registry",
            unless=Command.of("test", "-d", folder),
            environment={"npm_config_registry": registry, "npm_config_cache": f"{CACHE}/npm"} if registry else {},
            folder="/opt/pm2",
        ),
        Link(path=f"{BIN}/pm2", target=f"{folder}/bin/pm2"),
    ]

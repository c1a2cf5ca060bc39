"""An application's processes as containers: what Compose calls them, and the shell programs that start them and clear up.

Each process of each release in each slot is a project of Compose's own. So an image that was built for one release is never taken
for another's, nothing of a slot touches what is in the other one, and what is left over can be told by its name.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from windlass.plans.layout import SLOTS, Layout

OWN_SECONDS = 15  # for Compose itself, besides what a container takes to stop
RELEASE = "[0-9]{8}-[0-9]{6}-[0-9a-f]+"  # as a deploy names them
LABEL, ONCE, VOLUME = ("com.docker.compose." + name for name in ("project", "oneoff", "volume"))
# Docker's plugin where it is there, else the program of Debian 12.
COMPOSE = 'if docker compose version >/dev/null 2>&1; then compose="docker compose"; else compose=docker-compose; fi'
# What is run by `docker compose run`, such as a cron entry, is left to end by itself; what is named in `volumes:` stays.
REMOVE = f"""\
remove() {{
  docker ps -aq --filter label={LABEL}="$1" --filter label={ONCE}=False | xargs -r docker rm -f -v >/dev/null
  docker ps -aq --filter label={LABEL}="$1" --filter status=exited | xargs -r docker rm -v >/dev/null
  docker network ls -q --filter label={LABEL}="$1" | xargs -r docker network rm >/dev/null 2>&1
}}"""
PROJECTS = f"""\
projects() {{
  for kind in "ps -a" "network ls"; do
    docker $kind --filter label={LABEL} --format "{{{{.Label \\"{LABEL}\\"}}}}"
  done | sort -u | grep -Ex "$1"
}}"""
# Before a project's containers are made: `volumes` gives what Compose has made of `volumes:`, which a release must not have.
CREATE = f"""\
volumes() {{ docker volume ls -q --filter label={LABEL}="$COMPOSE_PROJECT_NAME" --filter label={VOLUME}; }}
if ! command -v "${{compose%% *}}" >/dev/null; then
  echo "there is no Docker Compose on this host; the role docker brings it" >&2
  exit 1
fi
before=$(volumes)
$compose up --no-start --build "$@"
status=$?
own=$(volumes)
[ ! "$own" ] || [ "$before" ] || {{ remove "$COMPOSE_PROJECT_NAME"; docker volume rm $own >/dev/null; }}
[ $status -eq 0 ] || exit $status
[ "$own" ] || exit 0
echo "compose.yml has volumes that each release would begin anew, and empty:" $own >&2
echo "have a folder of the host instead, or say external: true of what is there already" >&2
exit 1
"""
# $1: seconds to stop; $2: what the projects in this place are called; the rest: services.
SUPERVISE = f"""\
#!/bin/sh
# Written by Windlass. What a process is that is containers: the launchers beside it become this.
seconds=$1 place=$2
shift 2
{COMPOSE}
{REMOVE}
{PROJECTS}
finish() {{
  trap "" TERM INT
  $compose stop --timeout "$seconds"
  kill -KILL "$up" 2>/dev/null
  remove "$COMPOSE_PROJECT_NAME"
  exit 0
}}
for other in $(projects "$place"); do
  [ "$other" = "$COMPOSE_PROJECT_NAME" ] || remove "$other"
done
trap finish TERM INT
$compose up --no-color --timeout "$seconds" "$@" &
up=$!
wait "$up"
status=$?
echo "docker compose up has ended with status $status"
exit $((status ? status : 1))
"""
# $1: the application; $2: its folder. Of Docker's nothing is removed that is used, whatever is asked.
CLEAR = f"""\
app=$1 root=$2
{REMOVE}
{PROJECTS}
held() {{ sed -n 's/.*"release": *"\\([^"]*\\)".*/\\1/p' "$root/slots/$1/slot.json" 2>/dev/null; }}
for slot in {" ".join(SLOTS)}; do
  for project in $(projects "$app-$slot-{RELEASE}-.+"); do
    case $project in "$app-$slot-$(held $slot)"-*) ;; *) remove "$project" ;; esac
  done
  docker images --format "{{{{.Repository}}}} {{{{.ID}}}}" | grep -E "^$app-$slot-{RELEASE}-" | while read -r image number; do
    release=$(echo "${{image#"$app-$slot-"}}" | grep -Eo "^{RELEASE}")
    [ -d "$root/releases/$release" ] || docker rmi "$image" >/dev/null
  done
done
exit 0
"""


def project(application: str, slot: str, release: str, instance: str) -> str:
    """What Compose calls the containers of an instance."""
    return f"{application}-{slot}-{release}-{instance}"


def place(application: str, slot: str, instance: str) -> str:
    """A pattern (grep -E) of the projects of all releases in the place of one instance; without a slot in both."""
    return project(application, slot or f"({'|'.join(SLOTS)})", RELEASE, instance)


def supervisor(application: str, slot: str) -> str:
    """Where the program SUPERVISE is on a host. A launcher holds secrets, and what it says itself is masked in what is shown."""
    return f"{Layout(application).slot(slot)}/compose"


def supervised(program: str, where: str, services: Sequence[str], seconds: float) -> str:
    """The command that a process is: it starts these services, lives as long as they do, and takes them along when it is told to
    end.

    program  where SUPERVISE is
    where    a pattern of the projects in whose place it comes: what a launcher that was killed has left of them goes first
    seconds  how long they may take to stop
    """
    return shlex.join([program, str(round(seconds)), where, *services])


def created(services: Sequence[str], variables: Mapping[str, str]) -> str:
    """The shell program that builds or pulls the images of services and makes their containers, without starting any. It fails
    where they would keep data in volumes of the release's own."""
    first = f"set -a; [ ! -f .env ] || . ./.env; set +a\n{exported(variables)}\nset -- {shlex.join(services)}"
    return "\n".join((first, COMPOSE, REMOVE, CREATE))


def cleared(application: str) -> Sequence[str]:
    """The words of the command that removes what is left of releases that are in no slot, and images of those that are gone."""
    return ["/bin/sh", "-uc", CLEAR, "clear", application, Layout(application).root]


def exported(variables: Mapping[str, str]) -> str:
    """What a shell program begins with that needs them; empty where there are none."""
    return "".join(f"export {name}={shlex.quote(value)}; " for name, value in variables.items())

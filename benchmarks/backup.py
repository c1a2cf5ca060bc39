"""Measures backups: a pgbench database on a lab host, dumped to an encrypted store by us and by what people use otherwise.

    python -m benchmarks.backup               3 GB, three rounds; writes the key `backup` of docs/benchmarks.json
    python -m benchmarks.backup --size 1      a smaller database, for trying it out

The tables are pgbench's; its filler is blank, which no data of anybody's is, so a third of it is made of hashes here. Rounds
alternate between the candidates, so that whatever else the machine does falls on all of them. Times are wall times: of ours of
the whole command, Python's start, verification and publishing included; of the others of the pipe on the host. Processor
times are those of the whole machine, so nothing else may run meanwhile.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.backup_figures import BUCKET, PARAMIKO, ratios, told
from benchmarks.backup_host import AS_POSTGRES, NAME, OTHERS, STAGES, TRANSPORTS, Bench, Took
from benchmarks.figures import merge, rewrite, spread
from tests.s3.servers import server
from windlass import lab
from windlass.flows.twin import labs_folder


def measure(bench: Bench, rounds: int) -> dict[str, Any]:
    """All candidates in turn, round after round, then one drill."""
    took: dict[str, list[Took]] = {name: [] for name in ("windlass", PARAMIKO, BUCKET, *OTHERS, *STAGES)}
    ours: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, server("moto", Path(folder)) as port:
        for by in TRANSPORTS:  # this does not count: as beside the peers, every command had been run before
            bench.windlass("backup.run", by=by)
        for number in range(rounds):
            ours.append(bench.windlass("backup.run"))
            took["windlass"].append(ours[-1]["took"])
            took[PARAMIKO].append(bench.windlass("backup.run", by="paramiko")["took"])
            took[BUCKET].append(bench.into_bucket(port)["took"])
            for name, script in {**OTHERS, **STAGES}.items():
                took[name].append(bench.pipe(script))
            print(
                f"round {number + 1}: " + ", ".join(f"{name} {values[-1].wall:.1f} s" for name, values in took.items()), flush=True
            )
    times = {name: [each.wall for each in values] for name, values in took.items()}
    spent = {name: statistics.median(each.cpu for each in values) for name, values in took.items()}
    (made,) = ours[-1]["backups"]
    drill = bench.windlass("backup.drill", "--identity", str(bench.project / "identity.txt"))
    return {
        "database_bytes": int(bench.shell(f"{AS_POSTGRES} \"psql -XAtc 'select pg_database_size(current_database())' bench\"")),
        "dump_bytes": made["raw_bytes"],
        "rounds": rounds,
        "seconds": {name: spread(values) for name, values in times.items()},
        "steps": {
            name: round(statistics.median(one["backups"][0]["seconds"][name] for one in ours), 2) for name in made["seconds"]
        },
        "stored_bytes": {
            "windlass": made["stored_bytes"],
            "pg_dump | gzip": bench.size("out.gz"),
            "pg_dump -Fc": bench.size("out.fc"),
            "pg_dump | restic": bench.size("restic"),
        },
        "controller_cpu_seconds": spread([one["cpu"] for one in ours]),
        "cpu_seconds": {name: round(value, 2) for name, value in spent.items()},
        "ratios": ratios(times, spent),
        "drill": {"minutes": round(drill["drills"][0]["rto_minutes"], 2), "seconds": drill["drills"][0]["seconds"]},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure backups on a host of the lab.")
    parser.add_argument("--size", type=float, default=3.0, help="gigabytes of the database")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs" / "benchmarks.json")
    parser.add_argument("--page", type=Path, default=Path(__file__).parents[1] / "docs" / "benchmarks.md")
    chosen = parser.parse_args()
    project = Path(tempfile.mkdtemp(prefix="windlass-bench-"))
    bench = Bench(project, chosen.size)
    try:
        bench.raise_host()
        found = measure(bench, chosen.rounds)
    finally:
        lab.down(NAME, root=labs_folder(project), say=print)
        shutil.rmtree(project)
    print(json.dumps(found, indent=1))
    merge(chosen.out, {"backup": found})
    rewrite(chosen.page, "backup", told(found))


if __name__ == "__main__":
    main()

"""A backup straight into a bucket, as a process of its own.

python -m benchmarks.bucket PROJECT ENVIRONMENT NAME ENDPOINT RECIPIENT
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

from tests.lab.backups.offsite import offsite
from tests.s3.servers import KEY
from windlass.flows.workspace import open_workspace


def main() -> None:
    project, environment, name, endpoint, recipient = sys.argv[1:]
    made = offsite(open_workspace(Path(project), environment, lab=True), endpoint, (KEY, KEY), recipient).backup(name)
    print(json.dumps({"backups": [{key: value for key, value in dataclasses.asdict(made).items() if key == "seconds"}]}))


if __name__ == "__main__":
    main()

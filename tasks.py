"""The playbook's table of contents: which tasks there are. `invoke --list` shows them, `invoke --help TASK` explains one."""

from invoke.collection import Collection

from windlass.tasks import inventory, lab, setup

namespace = Collection(
    setup.setup,
    inventory=Collection(inventory.check, inventory.explain, inventory.hosts),
    lab=Collection(lab.up, lab.down, lab.status, lab.shell, lab.save),
)

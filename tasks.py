"""The playbook's table of contents: which tasks there are. `invoke --list` shows them, `invoke --help TASK` explains one."""

from invoke.collection import Collection

from windlass.tasks import backup, deploy, env, firewall, inventory, lab, pm2, secrets, setup, tls, tls_grade

namespace = Collection(
    setup.setup,
    deploy.deploy,
    deploy.rollback,
    deploy.releases,
    deploy.status,
    backup=Collection(
        backup.run,
        backup.restore,
        backup.verify,
        backup.drill,
        backup.pin,
        backup.unpin,
        backup.prune,
        backup.schedule,
        list=backup.list_,
    ),
    firewall=Collection(firewall.plan, firewall.apply, firewall.explain, firewall.check),
    inventory=Collection(inventory.check, inventory.explain, inventory.hosts, inventory.schema),
    pm2=Collection(pm2.status, pm2.restart, pm2.logs),
    env=Collection(env.diff),
    secrets=Collection(
        secrets.get, secrets.edit, secrets.rotate, secrets.people, secrets.scan, set=secrets.set_, list=secrets.list_
    ),
    tls=Collection(tls.issue, tls.renew, tls.status, tls_grade.grade),
    lab=Collection(lab.up, lab.down, lab.status, lab.shell, lab.save),
)

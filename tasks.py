"""The playbook's table of contents: which tasks there are. `invoke --list` shows them, `invoke --help TASK` explains one."""

from invoke.collection import Collection

from windlass.tasks import begin

begin.ahead()  # before the rest is loaded: hosts that the same command line came to the last time

from windlass.tasks import (  # noqa: E402
    app,
    backup,
    backup_holdings,
    backup_restore,
    backup_schedule,
    backup_status,
    bootstrap,
    common,
    deploy,
    env,
    firewall,
    history,
    init,
    inventory,
    lab,
    nginx,
    pm2,
    pm2_reload,
    reboot,
    run,
    secrets,
    setup,
    tls,
    tls_grade,
)

namespace = Collection(
    init.init,
    bootstrap.bootstrap,
    setup.setup,
    run.run,
    reboot.reboot,
    deploy.deploy,
    deploy.rollback,
    deploy.releases,
    deploy.status,
    backup=Collection(
        backup.run,
        backup_restore.restore,
        backup.verify,
        backup.drill,
        backup_holdings.pin,
        backup_holdings.unpin,
        backup_holdings.prune,
        backup_schedule.schedule,
        backup_status.status,
        backup_holdings.list_,
    ),
    firewall=Collection(firewall.plan, firewall.apply, firewall.explain, firewall.check),
    history=Collection(history.show, history.list_),
    inventory=Collection(inventory.check, inventory.explain, inventory.hosts, inventory.schema),
    nginx=Collection(nginx.check, nginx.apply, nginx.reload),
    app=Collection(app.processes, app.restart, app.reload, app.logs),
    pm2=Collection(pm2.status, pm2.restart, pm2.logs, pm2_reload.reload, pm2_reload.save),
    env=Collection(env.diff),
    secrets=Collection(secrets.get, secrets.edit, secrets.rotate, secrets.people, secrets.scan, secrets.set_, secrets.list_),
    tls=Collection(tls.issue, tls.renew, tls.status, tls_grade.grade),
    lab=Collection(lab.up, lab.down, lab.status, lab.shell, lab.save),
)

common.name_families(namespace)

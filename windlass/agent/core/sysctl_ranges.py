"""Which values the kernel surely takes for a setting that cannot be tried out. For a check.

Ranges that all kernels of the last years have; what is not in here only a run can tell.
"""

from __future__ import annotations

from typing import Dict, List, Tuple

HUGE = 2**31 - 1
SWITCH, THREE, PERCENT, COUNT, ANY = (0, 1), (0, 2), (0, 100), (0, HUGE), (-HUGE, HUGE)
RANGES: Dict[str, Tuple[int, int]] = {
    "fs/aio-max-nr": COUNT,
    "fs/epoll/max_user_watches": COUNT,
    "fs/file-max": (0, 2**63 - 1),
    "fs/inotify/max_queued_events": COUNT,
    "fs/inotify/max_user_instances": COUNT,
    "fs/inotify/max_user_watches": COUNT,
    "fs/nr_open": (64, 2**30),
    "fs/protected_fifos": THREE,
    "fs/protected_hardlinks": SWITCH,
    "fs/protected_regular": THREE,
    "fs/protected_symlinks": SWITCH,
    "fs/suid_dumpable": THREE,
    "kernel/core_uses_pid": SWITCH,
    "kernel/dmesg_restrict": SWITCH,
    "kernel/hung_task_panic": SWITCH,
    "kernel/hung_task_timeout_secs": (0, 86400),
    "kernel/kexec_load_disabled": (1, 1),
    "kernel/kptr_restrict": THREE,
    "kernel/modules_disabled": (1, 1),
    "kernel/numa_balancing": SWITCH,
    "kernel/panic": ANY,
    "kernel/panic_on_oops": SWITCH,
    "kernel/perf_event_paranoid": (-1, 4),
    "kernel/pid_max": (301, 32768),
    "kernel/printk": (0, 10),
    "kernel/randomize_va_space": THREE,
    "kernel/softlockup_panic": SWITCH,
    "kernel/sysrq": (0, 511),
    "kernel/unprivileged_bpf_disabled": THREE,
    "kernel/unprivileged_userns_clone": SWITCH,
    "kernel/watchdog_thresh": (0, 60),
    "kernel/yama/ptrace_scope": (0, 3),
    "net/core/netdev_budget": COUNT,
    "net/core/netdev_max_backlog": COUNT,
    "net/core/rmem_default": (8192, HUGE),
    "net/core/rmem_max": (8192, HUGE),
    "net/core/wmem_default": (8192, HUGE),
    "net/core/wmem_max": (8192, HUGE),
    "net/netfilter/nf_conntrack_max": COUNT,
    "user/max_user_namespaces": COUNT,
    "vm/dirty_background_ratio": PERCENT,
    "vm/dirty_expire_centisecs": COUNT,
    "vm/dirty_ratio": PERCENT,
    "vm/dirty_writeback_centisecs": COUNT,
    "vm/max_map_count": COUNT,
    "vm/min_free_kbytes": COUNT,
    "vm/oom_kill_allocating_task": SWITCH,
    "vm/overcommit_memory": THREE,
    "vm/overcommit_ratio": PERCENT,
    "vm/page-cluster": (0, 31),
    "vm/panic_on_oom": THREE,
    "vm/swappiness": PERCENT,
    "vm/vfs_cache_pressure": COUNT,
    "vm/zone_reclaim_mode": (0, 7),
}
# What stays until the next boot once it has this value.
FINAL = {"kernel/unprivileged_bpf_disabled": 1, "kernel/yama/ptrace_scope": 3}


def is_taken(name: str, has: List[int], wanted: List[int]) -> bool:
    """Whether it is certain; `name` is the path below /proc/sys."""
    least, most = RANGES.get(name, (1, 0))
    final = name in FINAL and has == [FINAL[name]]
    return len(has) == len(wanted) and not final and all(least <= each <= most for each in wanted)

"""Windlass and its peers side by side: the same work on the same hosts, alternating in one run. See docs/benchmarks.md."""

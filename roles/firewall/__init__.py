"""Which doors of a host are open, and to whom: what the topology needs and nothing else."""

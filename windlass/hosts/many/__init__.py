"""Many hosts at once: threads, processes, workers of a cluster."""

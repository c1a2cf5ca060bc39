"""The only place that shows anything: progress on standard error, results on standard output, secrets never."""

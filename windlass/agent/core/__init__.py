"""What every family of the agent shares: frames, the loop, files, processes."""

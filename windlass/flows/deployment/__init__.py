"""How a release comes to serve on all hosts, and how they go back to the one before."""

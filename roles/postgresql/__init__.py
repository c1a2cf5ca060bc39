"""Debian's PostgreSQL with the databases of the applications, open to the hosts that run them."""

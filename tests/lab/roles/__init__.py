"""The roles on real hosts, which all files here share."""

"""Certificates on real hosts, from a real authority."""

"""Decisions: pure functions, values in, a decision and its reasons out. The clock is passed in."""

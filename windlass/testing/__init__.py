"""What Windlass's own tests use, for the tests of those who use it: docs/testing.md.

local       the real agent as a child of this process
recording   a host that does nothing and remembers; what roles want of a host
cases       operations as data: before, check, run, after
lab         real hosts on this machine
plugin      fixtures for pytest, registered by the package
"""

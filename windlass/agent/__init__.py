"""The executor that does things on a host: standard library only, streamed over SSH, never installed.

One module per family of operations, named like the module in `windlass/operations`; each operation is one function
`name(arguments, context) -> Outcome`. What they share is in `core/`. Everything here runs on Python 3.8 and newer.
"""

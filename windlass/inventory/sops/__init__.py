"""SOPS's file format for YAML with age recipients: encrypted value by value, so that a changed value is a changed line.

`cipher` seals one value, `tree` reads a file and computes its MAC, `keys` wraps the data key for people, `document` is a whole file
that was opened and can be changed. The `sops` and `age` programs read what is written here, and the other way round.
"""

"""Python for applications: the interpreter, and what makes virtual environments of it."""

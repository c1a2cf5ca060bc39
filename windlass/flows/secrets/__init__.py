"""An environment's secrets: looked up, listed, changed, and looked for where they must not be."""

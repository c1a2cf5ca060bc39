"""libssh2 as the way in."""

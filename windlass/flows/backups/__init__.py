"""Backups made, proven and brought back; and who is told when nobody watches."""

"""Where backups rest."""

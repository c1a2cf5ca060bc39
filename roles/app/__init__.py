"""What the applications of a host stand on before their first deploy: users, folders, logs, and PM2 as a service."""

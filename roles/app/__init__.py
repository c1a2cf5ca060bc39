"""What the applications of a host stand on before their first deploy: users, folders, logs, PM2 as a service or a unit."""

"""The demonstration: real hosts, a real application, releases under load, a rollback, a backup that is proven."""

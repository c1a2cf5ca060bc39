"""What visitors meet: nginx's sites, certificates, open ports."""

"""Certificates for the sites, from an authority that speaks ACME, renewed by the host itself."""

"""The usual way in: Paramiko under Fabric, with its brakes lifted."""

"""What all ways in share."""

"""Two servers that speak S3, of different makers, and what can go wrong on the way to them."""

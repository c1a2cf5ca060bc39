"""Backups in a bucket of S3, or of what speaks it. `bucket.py` alone imports boto3, and only when a bucket is spoken to."""

from __future__ import annotations

from windlass.stores.s3.bucket import Bucket
from windlass.stores.s3.store import S3Store

__all__ = ["Bucket", "S3Store"]

"""How to fetch a backup from its bucket with nothing but curl: the beginning of the text beside it."""

from __future__ import annotations

import shlex

from windlass.stores.manifest import MANIFEST, Manifest
from windlass.stores.s3.bucket import Bucket
from windlass.stores.signature import SIGNATURE, SIGNER

_TEXT = """\
# First: fetch it

This backup lies in the bucket `{bucket}`{where}, below `{key}`. With an access key that may read there
(`KEY` and `SECRET`, from where you keep such things), curl 7.75 or newer fetches its files into this folder:

```sh fetch
for file in {files}; do
  curl --fail --silent --show-error --retry 5 --aws-sigv4 {provider} --user "$KEY:$SECRET" \\
    --header 'x-amz-content-sha256: UNSIGNED-PAYLOAD' --output "$file" {url}"$file"
done
```

Any other way is as good: `aws s3 cp --recursive{endpoint} {path} .`, rclone, or the provider's own page.

"""


def fetching(bucket: Bucket, key: str, manifest: Manifest) -> str:
    """The text for one backup, whose objects all begin with `key`."""
    files = [*manifest.parts, MANIFEST, SIGNATURE, SIGNER]
    address = (
        f"{bucket.endpoint}/{bucket.name}/{key}"
        if bucket.endpoint
        else f"https://{bucket.name}.s3.{bucket.region}.amazonaws.com/{key}"
    )
    return _TEXT.format(
        bucket=bucket.name,
        where=f" at {bucket.endpoint}" if bucket.endpoint else f" of Amazon S3 in {bucket.region}",
        key=key,
        files=" ".join(map(shlex.quote, files)),
        provider=shlex.quote(f"aws:amz:{bucket.region}:s3"),
        url=shlex.quote(address),
        endpoint=f" --endpoint-url {bucket.endpoint}" if bucket.endpoint else "",
        path=shlex.quote(f"s3://{bucket.name}/{key}"),
    )

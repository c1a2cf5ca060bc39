"""One bucket, spoken to by boto3: every fault becomes an error that says where and what to do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from windlass.errors import BackupError
from windlass.stores.reading import MANIFEST_BYTES
from windlass.values import Secret

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ADDRESS_SECONDS = 900  # how long a signed address is good for; whoever needs longer asks for another
UNKNOWN = ("NotImplemented", "MethodNotAllowed")  # what services answer that leave it to a rule of the bucket
GONE = ("NoSuchKey", "NoSuchUpload", "404", "NotFound")


@dataclass(frozen=True, slots=True)
class Found:
    """An object, or an upload that was begun: its key, when it was written, the upload's id, the object's bytes."""

    key: str
    at: datetime
    upload: str = ""
    size: int = 0


@dataclass(frozen=True)
class Bucket:
    """A bucket and the way into it. Raises BackupError whatever is asked of it."""

    name: str
    access_key: Secret
    secret_key: Secret
    endpoint: str = ""
    region: str = "us-east-1"

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"s3://{self.name}" + (f" at {self.endpoint}" if self.endpoint else "")

    @cached_property
    def client(self) -> S3Client:
        """Checksums of boto3's own only where they are required: many that speak S3 refuse them, or store them as content."""
        import boto3  # noqa: PLC0415 - slow to import, and most commands never need it
        from botocore.config import Config  # noqa: PLC0415 - see above

        config = Config(
            signature_version="s3v4",
            connect_timeout=10,
            read_timeout=60,
            retries={"mode": "standard", "total_max_attempts": 5},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path" if self.endpoint else "auto"},
        )
        session = boto3.session.Session(self.access_key.reveal(), self.secret_key.reveal(), region_name=self.region)
        return session.client("s3", endpoint_url=self.endpoint or None, config=config)

    def put(self, key: str, content: bytes) -> None:
        with self._told("write", key):
            self.client.put_object(Bucket=self.name, Key=key, Body=content)

    def get(self, key: str) -> bytes:
        """A small object, whole."""
        with self._told("read", key), contextlib.closing(self.client.get_object(Bucket=self.name, Key=key)["Body"]) as body:
            return body.read(MANIFEST_BYTES)

    def body(self, key: str, start: int) -> Any:
        """A stream of an object's bytes from one on; the caller closes it."""
        span = {"Range": f"bytes={start}-"} if start else {}
        with self._told("read", key):
            return self.client.get_object(Bucket=self.name, Key=key, **span)["Body"]  # type: ignore[arg-type]

    def size(self, key: str) -> int | None:
        """An object's bytes; None where there is none."""
        with self._told("look at", key):
            try:
                return self.client.head_object(Bucket=self.name, Key=key)["ContentLength"]
            except self.client.exceptions.ClientError as error:
                if error.response["Error"]["Code"] in GONE:
                    return None
                raise

    def objects(self, prefix: str) -> Iterator[Found]:
        with self._told("list", prefix):
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
                yield from (Found(each["Key"], each["LastModified"], size=each["Size"]) for each in page.get("Contents", ()))

    def delete(self, key: str) -> None:
        """One by one: deleting many at once needs a checksum that not everybody who speaks S3 agrees on."""
        with self._told("delete", key):
            self.client.delete_object(Bucket=self.name, Key=key)

    def begin(self, key: str, storage_class: str) -> str:
        """An upload in parts; its id."""
        wanted: Mapping[str, Any] = {"StorageClass": storage_class} if storage_class else {}
        with self._told("write", key):
            return self.client.create_multipart_upload(Bucket=self.name, Key=key, **wanted)["UploadId"]

    def complete(self, key: str, upload: str, etags: Iterable[str]) -> None:
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
        with self._told("complete", key):
            self.client.complete_multipart_upload(
                Bucket=self.name,
                Key=key,
                UploadId=upload,
                MultipartUpload={"Parts": parts},  # type: ignore[typeddict-item]
            )

    def abort(self, key: str, upload: str) -> None:
        """Give an upload up; one that is gone already is fine."""
        with self._told("give up", key):
            try:
                self.client.abort_multipart_upload(Bucket=self.name, Key=key, UploadId=upload)
            except self.client.exceptions.ClientError as error:
                if error.response["Error"]["Code"] not in GONE:
                    raise

    def uploads(self, prefix: str) -> Iterator[Found]:
        """Uploads that were begun and neither completed nor given up; nobody sees them, and they are paid for. None where the
        service cannot list them."""
        with self._told("list", prefix):
            try:
                for page in self.client.get_paginator("list_multipart_uploads").paginate(Bucket=self.name, Prefix=prefix):
                    for each in page.get("Uploads", ()):
                        yield Found(each["Key"], each["Initiated"], each["UploadId"])
            except self.client.exceptions.ClientError as error:
                if error.response["Error"]["Code"] not in UNKNOWN:
                    raise

    def address_of_part(self, key: str, upload: str, number: int, md5: str) -> str:
        """An address that takes one part, and no other bytes than those with this MD5 (in base64), for a while."""
        wanted = {"Bucket": self.name, "Key": key, "UploadId": upload, "PartNumber": number, "ContentMD5": md5}
        return self.client.generate_presigned_url("upload_part", Params=wanted, ExpiresIn=ADDRESS_SECONDS)

    def address_to_read(self, key: str) -> str:
        """An address that gives an object, for a while."""
        return self.client.generate_presigned_url("get_object", {"Bucket": self.name, "Key": key}, ExpiresIn=ADDRESS_SECONDS)

    @contextlib.contextmanager
    def _told(self, action: str, key: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - see above

        try:
            yield
        except ClientError as error:
            why = f"{error.response['Error'].get('Code', '')} {error.response['Error'].get('Message', '')}".strip()
            hint = "does the bucket exist, and may this access key do that there? earlier backups are untouched"
            raise BackupError(f"cannot {action} {key} in {self.place}: {why}", hint=hint) from error
        except (BotoCoreError, OSError) as error:
            hint = "is the endpoint right, and reached from this machine? earlier backups are untouched"
            raise BackupError(f"cannot {action} {key} in {self.place}: {error}", hint=hint) from error

"""Large JSON documents in the bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from interlock.adapters.aws import error_code, translated
from interlock.domain.errors import NotFound

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3Files:
    """`interlock.ports.ObjectStore` on one S3 bucket."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, text: str) -> None:
        with translated("bucket"):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=text.encode(), ContentType="application/json")

    def get(self, key: str) -> str:
        with translated("bucket"):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=key)
                return answer["Body"].read().decode()
            except ClientError as error:
                if error_code(error) == "NoSuchKey":
                    raise NotFound("The document has expired.") from error
                raise

    def download_url(self, key: str, *, expires_in_s: int) -> str:
        return self._client.generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=expires_in_s
        )

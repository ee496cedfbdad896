"""The forms of a picture that browsers are shown: `{image_id}/thumbnail.jpg`, and `{image_id}/display.jpg` where they
cannot show the picture itself. Each knows the version of the picture that it was made of."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

THUMBNAIL = "thumbnail.jpg"
DISPLAY = "display.jpg"

KEPT = "private, max-age=60"
"""Afterwards a browser asks whether it has changed, which is a small answer: the picture may be another one by then."""


@dataclass(frozen=True)
class Made:
    """A picture's renditions, JPEG; `display` only where a browser needs it."""

    thumbnail: bytes
    display: bytes | None


@dataclass(frozen=True)
class Renditions:
    """The bucket."""

    s3: "S3Client"
    bucket: str

    def are_of(self, image_id: str, version: str) -> bool:
        """Whether what is there is what was made of this version, and all of it."""
        thumbnail = self._metadata(image_id, THUMBNAIL)
        if thumbnail is None or thumbnail.get("version") != version:
            return False
        display = self._metadata(image_id, DISPLAY)
        return (display or {}).get("version") == (version if thumbnail.get("display") == "yes" else None)

    def put(self, image_id: str, version: str, made: Made) -> None:
        """Add what was removed before. The thumbnail comes last, as it says of both that they are there."""
        if made.display is not None:
            self._put(image_id, DISPLAY, made.display, {"version": version})
        self._put(image_id, THUMBNAIL, made.thumbnail, {"version": version, "display": "yes" if made.display else "no"})

    def remove(self, image_id: str) -> None:
        """Leave nothing of the image."""
        for name in (THUMBNAIL, DISPLAY):
            self.s3.delete_object(Bucket=self.bucket, Key=f"{image_id}/{name}")

    def _metadata(self, image_id: str, name: str) -> dict[str, str] | None:
        try:
            return self.s3.head_object(Bucket=self.bucket, Key=f"{image_id}/{name}")["Metadata"]
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.NOT_FOUND:
                raise
            return None

    def _put(self, image_id: str, name: str, jpeg: bytes, metadata: dict[str, str]) -> None:
        self.s3.put_object(
            Bucket=self.bucket,
            Key=f"{image_id}/{name}",
            Body=jpeg,
            ContentType="image/jpeg",
            CacheControl=KEPT,
            Metadata=metadata,
        )

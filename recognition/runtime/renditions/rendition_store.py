"""The forms of a picture that browsers are shown: `{image_id}/thumbnail.jpg`, and `{image_id}/display.jpg` where they
cannot show the picture itself. Each knows the version of the picture that it was made of.

The index says which images have renditions, so that a list of a thousand images asks S3 for none of them. An entry is
written after the files and removed before them: what it names is there.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from common.runtime.dynamodb_items import from_attributes, get_items, to_attributes

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
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
class Rendered:
    """The renditions that an image has: the version of the picture that they show, and their files' names."""

    version: str
    names: frozenset[str]


@dataclass(frozen=True)
class RenditionIndex:
    """The table: one item for each image that has renditions."""

    dynamodb: "DynamoDBClient"
    table: str

    def find(self, image_ids: Iterable[str]) -> dict[str, Rendered]:
        """The renditions of those images that have any, by their ids; a call for each hundred images."""
        keys = [to_attributes({"image_id": image_id}) for image_id in dict.fromkeys(image_ids)]
        items = [from_attributes(item) for item in get_items(self.dynamodb, self.table, keys)]
        return {item["image_id"]: Rendered(item["version"], frozenset(item["names"])) for item in items}

    def put(self, image_id: str, version: str, *, display: bool) -> None:
        """Say that the image's files are there."""
        names = [THUMBNAIL, DISPLAY] if display else [THUMBNAIL]
        item = {"image_id": image_id, "version": version, "names": names}
        self.dynamodb.put_item(TableName=self.table, Item=to_attributes(item))

    def remove(self, image_id: str) -> None:
        """Say that the image has no files."""
        self.dynamodb.delete_item(TableName=self.table, Key=to_attributes({"image_id": image_id}))


@dataclass(frozen=True)
class Renditions:
    """The bucket and its index."""

    s3: "S3Client"
    bucket: str
    index: RenditionIndex

    def keep(self, image_id: str, version: str) -> bool:
        """Enter the files into the index if they were made of this version and are complete. Returns whether they were.

        The index is written even where it should say so already: files may be older than the index.
        """
        thumbnail = self._metadata(image_id, THUMBNAIL)
        if thumbnail is None or thumbnail.get("version") != version:
            return False
        has_display = thumbnail.get("display") == "yes"
        display = self._metadata(image_id, DISPLAY)
        if (display or {}).get("version") != (version if has_display else None):
            return False
        self.index.put(image_id, version, display=has_display)
        return True

    def put(self, image_id: str, version: str, made: Made) -> None:
        """Add what was removed before. The thumbnail comes last, as it says of both that they are there."""
        if made.display is not None:
            self._put(image_id, DISPLAY, made.display, {"version": version})
        self._put(image_id, THUMBNAIL, made.thumbnail, {"version": version, "display": "yes" if made.display else "no"})
        self.index.put(image_id, version, display=made.display is not None)

    def remove(self, image_id: str) -> None:
        """Leave nothing of the image."""
        self.index.remove(image_id)
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

"""Store the renditions of pictures: `{image_id}/thumbnail.jpg`, and `{image_id}/display.jpg` if browsers cannot show
the picture itself.

Each rendition has the picture's version in its metadata. A table says which images have renditions, so a list of a
thousand images needs no call of S3. The item in the table is written after the files and removed before them. So every
file that the item names exists.
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

CACHE_CONTROL = "private, max-age=60"
"""After a minute a browser asks if the file has changed, because the picture may have been replaced. The answer is
small."""


@dataclass(frozen=True)
class RenditionFiles:
    """The renditions of a picture, as JPEG. `display` is None if browsers show the picture itself."""

    thumbnail: bytes
    display: bytes | None


@dataclass(frozen=True)
class RenditionSet:
    """The renditions of an image: the names of the files, and the picture's version that the files show."""

    version: str
    names: frozenset[str]


@dataclass(frozen=True)
class RenditionIndex:
    """The table `RenditionIndex`: one item for each image that has renditions."""

    dynamodb: "DynamoDBClient"
    table: str

    def find(self, image_ids: Iterable[str]) -> dict[str, RenditionSet]:
        """Read the renditions of several images. One call reads a hundred images. Images without renditions are
        left out."""
        keys = [to_attributes({"image_id": image_id}) for image_id in dict.fromkeys(image_ids)]
        items = [from_attributes(item) for item in get_items(self.dynamodb, self.table, keys)]
        return {item["image_id"]: RenditionSet(item["version"], frozenset(item["names"])) for item in items}

    def put(self, image_id: str, version: str, *, display: bool) -> None:
        """Record that the image's files exist."""
        names = [THUMBNAIL, DISPLAY] if display else [THUMBNAIL]
        item = {"image_id": image_id, "version": version, "names": names}
        self.dynamodb.put_item(TableName=self.table, Item=to_attributes(item))

    def remove(self, image_id: str) -> None:
        """Record that the image has no files."""
        self.dynamodb.delete_item(TableName=self.table, Key=to_attributes({"image_id": image_id}))


@dataclass(frozen=True)
class RenditionStore:
    """The renditions bucket and its table."""

    s3: "S3Client"
    bucket: str
    index: RenditionIndex

    def keep(self, image_id: str, version: str) -> bool:
        """Check the files. If they are complete and show this version, record them in the table and return True.

        The table is written even if it should be right already, because the files may be older than the table.
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

    def put(self, image_id: str, version: str, files: RenditionFiles) -> None:
        """Store new renditions. The thumbnail comes last, because its metadata says that both files exist."""
        if files.display is not None:
            self._put(image_id, DISPLAY, files.display, {"version": version})
        has_display = "yes" if files.display else "no"
        self._put(image_id, THUMBNAIL, files.thumbnail, {"version": version, "display": has_display})
        self.index.put(image_id, version, display=files.display is not None)

    def remove(self, image_id: str) -> None:
        """Remove all renditions of an image."""
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
            CacheControl=CACHE_CONTROL,
            Metadata=metadata,
        )

"""Make JSON documents of images: one image with all details, or the entries of a list."""

import dataclasses
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from common.runtime.s3_events import UNVERSIONED
from recognition.runtime.pictures.picture_urls import PictureUrls
from recognition.runtime.records.hidden_images import HiddenImages
from recognition.runtime.records.image_records import ImageRecord
from recognition.runtime.renditions.rendition_store import DISPLAY, THUMBNAIL, RenditionIndex, RenditionSet

INTERNAL = {"sequencer", "stored_by", "fingerprint", "expires_at"}
"""Members of a record that the API does not show."""


@dataclass(frozen=True)
class ImageDocuments:
    """Makes the documents, with signed URLs."""

    urls: PictureUrls
    renditions: RenditionIndex
    hidden: HiddenImages

    def image(self, record: ImageRecord) -> dict[str, Any]:
        """Return everything about one image, with URLs of the picture and of its renditions."""
        rendered = self.renditions.find([record.image_id]).get(record.image_id)
        if rendered and rendered.version != (record.version_id or UNVERSIONED):
            rendered = None  # the renditions show a different version from the recognised one
        return {
            **_members(record),
            **({"hidden": True} if self.hidden.is_hidden(record) else {}),
            "picture_url": self.urls.picture(record.bucket, record.image, record.version_id, record.content_type),
            **self._rendition_url("rendition_url", record.image_id, DISPLAY, rendered),
            **self._rendition_url("thumbnail_url", record.image_id, THUMBNAIL, rendered),
        }

    def entries(
        self, items: Iterable[dict[str, Any]], *, thumbnails: bool, hidden: Collection[str]
    ) -> list[dict[str, Any]]:
        """Return the entries of a list. The entries of images in `hidden` have a mark.

        With `thumbnails`, each entry of an image that has a thumbnail gets the thumbnail's URL.
        """
        items = list(items)
        rendered = self.renditions.find(item["image_id"] for item in items) if thumbnails else {}
        return [
            {
                "image": item["image"],
                "labels": item["label_names"],
                "status": item["status"],
                "image_id": item["image_id"],
                "failure": item.get("failure"),
                "uploaded_at": item["uploaded_at"],
                "recognized_at": item["recognized_at"],
                **({"hidden": True} if item["image"] in hidden else {}),
                **self._rendition_url("thumbnail_url", item["image_id"], THUMBNAIL, rendered.get(item["image_id"])),
            }
            for item in items
        ]

    def _rendition_url(self, member: str, image_id: str, name: str, rendered: RenditionSet | None) -> dict[str, str]:
        """Return `member` with the URL of the rendition. Without this rendition, return an empty result."""
        if rendered is None or name not in rendered.names:
            return {}
        return {member: self.urls.rendition(image_id, name, rendered.version)}


def _members(record: ImageRecord) -> dict[str, Any]:
    left_out = INTERNAL if record.abilities else INTERNAL | {"abilities"}
    return {name: value for name, value in dataclasses.asdict(record).items() if name not in left_out}

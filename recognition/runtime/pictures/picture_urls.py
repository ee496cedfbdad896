"""Sign short-lived URLs of pictures and of their renditions."""

import time
from dataclasses import dataclass
from typing import Any

from common.runtime.caches import cached_up_to
from common.runtime.pagination import MAX_LIMIT

URL_SECONDS = 300


@dataclass(frozen=True)
class PictureUrls:
    """Signs the URLs, with an S3 client of the bucket's Region."""

    s3: Any
    renditions_bucket: str

    def picture(self, bucket: str, key: str, version_id: str | None, content_type: str | None) -> str:
        """Sign the URL of one version of a picture. It works for URL_SECONDS.

        With a `content_type`, the browser shows the picture as this type, which its bytes announce. The type that the
        object was stored with does not matter. Without a `content_type`, the browser downloads the object, because it
        would run scripts in HTML or SVG.
        """
        url: str = self.s3.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": bucket,
                "Key": key,
                "ResponseContentType": content_type or "application/octet-stream",
                "ResponseContentDisposition": "inline" if content_type else "attachment",
                **({"VersionId": version_id} if version_id else {}),
            },
            ExpiresIn=URL_SECONDS,
        )
        return url

    def rendition(self, image_id: str, name: str, version: str) -> str:
        """Sign the URL of a rendition. It works for 5 to 10 minutes.

        The URL stays the same for 5 minutes, because signing many URLs for a page takes time, and because browsers
        cache by URL.
        """
        return _signed_rendition(self, image_id, name, version, int(time.time() // URL_SECONDS))


@cached_up_to(5 * MAX_LIMIT)
def _signed_rendition(urls: PictureUrls, image_id: str, name: str, version: str, _period: int) -> str:
    # The URL contains the version, as the name for a saved file, so that another version gets another URL.
    url: str = urls.s3.generate_presigned_url(
        "get_object",
        Params={
            "Bucket": urls.renditions_bucket,
            "Key": f"{image_id}/{name}",
            "ResponseContentDisposition": f'inline; filename="{version}.jpg"',
        },
        ExpiresIn=2 * URL_SECONDS,
    )
    return url

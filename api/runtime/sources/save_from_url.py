"""Fetch, check and store pictures from URLs, for the upload API and for manifests."""

import io
from dataclasses import dataclass
from http import HTTPStatus

from api.runtime.uploads.image_names import ImageNameError
from api.runtime.uploads.image_store import ImageStore, NameTakenError
from common.imaging import picture_headers
from common.imaging.picture_headers import Picture
from common.runtime import safe_fetch
from common.runtime.safe_fetch import SourceRules


@dataclass(frozen=True)
class Upload:
    """A requested picture and its future name."""

    url: str
    name: str
    correlation_id: str
    overwrite: bool = False
    refresh: bool = False


@dataclass(frozen=True)
class Saved:
    """A fetched picture, its size in bytes, and whether anything was stored."""

    picture: Picture
    size: int
    changed: bool


@dataclass(frozen=True)
class Saver:
    """Fetches pictures from allowed sources, checks them and stores them."""

    store: ImageStore
    rules: SourceRules
    max_pixels: int

    def save(self, upload: Upload) -> Saved:
        """Fetch, check and store a picture.

        Raises:
            FetchError, PictureError, NameTakenError: REFUSALS translates them.
        """
        fetched = safe_fetch.fetch(upload.url, self.rules)
        body = io.BytesIO(fetched.body)
        picture = picture_headers.inspect(body, max_pixels=self.max_pixels)
        picture_headers.check_whole(body)
        changed = self.store.save(
            name=upload.name,
            body=fetched.body,
            content_type=picture.content_type,
            source_url=upload.url,
            overwrite=upload.overwrite,
            refresh=upload.refresh,
            correlation_id=upload.correlation_id,
        )
        return Saved(picture, len(fetched.body), changed)


REFUSALS: dict[type[Exception], tuple[HTTPStatus, str]] = {
    ImageNameError: (HTTPStatus.BAD_REQUEST, "InvalidParameter"),
    safe_fetch.InvalidUrlError: (HTTPStatus.BAD_REQUEST, "InvalidParameter"),
    safe_fetch.SourceForbiddenError: (HTTPStatus.FORBIDDEN, "SourceForbidden"),
    safe_fetch.SourceFailedError: (HTTPStatus.BAD_GATEWAY, "SourceFailed"),
    safe_fetch.SourceTimeoutError: (HTTPStatus.GATEWAY_TIMEOUT, "SourceTimeout"),
    safe_fetch.TooLargeError: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "ImageTooLarge"),
    picture_headers.NoPictureError: (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "NotAPicture"),
    picture_headers.DamagedPictureError: (HTTPStatus.UNPROCESSABLE_ENTITY, "UnusablePicture"),
    picture_headers.TooSmallPictureError: (HTTPStatus.UNPROCESSABLE_ENTITY, "UnusablePicture"),
    picture_headers.TooLargePictureError: (HTTPStatus.UNPROCESSABLE_ENTITY, "UnusablePicture"),
    NameTakenError: (HTTPStatus.CONFLICT, "NameTaken"),
}
"""Errors of a URL, its source, the picture or its name -> status and code. All other errors are our fault."""

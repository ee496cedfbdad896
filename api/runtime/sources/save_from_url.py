"""Fetch, check and store pictures from URLs, for the upload API and for manifests."""

import io
from dataclasses import dataclass
from http import HTTPStatus

from api.runtime.uploads.image_names import ImageNameError
from api.runtime.uploads.image_store import ImageStore, NameTakenError
from common.imaging import decoder, pictures
from common.imaging.pictures import Picture
from common.runtime.abilities.asked import AbilityError
from common.runtime.safe_fetch import errors
from common.runtime.safe_fetch.rules import SourceRules
from common.runtime.safe_fetch.transport import fetch

MAX_SHOWN_CHARACTERS = 40

INSPECTION_SECONDS = 8.0
"""Time to decode a picture. HEIC is the slowest format: 60 megapixels take 1.6 s (make bench-conversion)."""


@dataclass(frozen=True)
class Upload:
    """A picture to fetch, the name to store it under, and the abilities that the upload asks for."""

    url: str
    name: str
    correlation_id: str
    overwrite: bool = False
    refresh: bool = False
    abilities: tuple[str, ...] = ()


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
            FetchError, PictureError, DecoderUnavailableError, NameTakenError: REFUSALS translates these errors.
        """
        fetched = fetch(upload.url, self.rules)
        body = io.BytesIO(fetched.body)
        try:
            picture = decoder.inspect(body, max_pixels=self.max_pixels, seconds=INSPECTION_SECONDS)
        except pictures.NoPictureError as error:
            if fetched.unknown_coding:
                message = f"the source sends no picture, but Content-Encoding: {_shown(fetched.unknown_coding)}; "
                raise errors.SourceFailedError(f"{message}gzip and deflate are understood") from error
            raise
        changed = self.store.save(
            name=upload.name,
            body=fetched.body,
            content_type=picture.content_type,
            source_url=upload.url,
            overwrite=upload.overwrite,
            refresh=upload.refresh,
            correlation_id=upload.correlation_id,
            abilities=upload.abilities,
        )
        return Saved(picture, len(fetched.body), changed)


def _shown(coding: str) -> str:
    """Return the beginning of a header for an error message. An untrusted server wrote the header."""
    return "".join(character if character.isprintable() else "?" for character in coding[:MAX_SHOWN_CHARACTERS])


REFUSALS: dict[type[Exception], tuple[HTTPStatus, str]] = {
    ImageNameError: (HTTPStatus.BAD_REQUEST, "InvalidParameter"),
    AbilityError: (HTTPStatus.BAD_REQUEST, "InvalidParameter"),
    errors.InvalidUrlError: (HTTPStatus.BAD_REQUEST, "InvalidParameter"),
    errors.SourceForbiddenError: (HTTPStatus.FORBIDDEN, "SourceForbidden"),
    errors.SourceFailedError: (HTTPStatus.BAD_GATEWAY, "SourceFailed"),
    errors.SourceTimeoutError: (HTTPStatus.GATEWAY_TIMEOUT, "SourceTimeout"),
    errors.TooLargeError: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "ImageTooLarge"),
    pictures.NoPictureError: (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "NotAPicture"),
    pictures.DamagedPictureError: (HTTPStatus.UNPROCESSABLE_ENTITY, "UnusablePicture"),
    pictures.TooSmallPictureError: (HTTPStatus.UNPROCESSABLE_ENTITY, "UnusablePicture"),
    pictures.TooLargePictureError: (HTTPStatus.UNPROCESSABLE_ENTITY, "UnusablePicture"),
    pictures.DecoderFailedError: (HTTPStatus.UNPROCESSABLE_ENTITY, "UnusablePicture"),
    decoder.DecoderTimeoutError: (HTTPStatus.SERVICE_UNAVAILABLE, "Busy"),
    decoder.DecoderStoppedError: (HTTPStatus.SERVICE_UNAVAILABLE, "Busy"),
    NameTakenError: (HTTPStatus.CONFLICT, "NameTaken"),
}
"""Maps errors to status and code. The request, its source, the picture or its name causes these errors. All other
errors are our fault."""

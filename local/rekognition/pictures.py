"""Turn a request's `Image` into upright pixels: fetch it, check the service's limits, decode it.

Limits, from Amazon's "Guidelines and quotas": JPEG and PNG; 5 MB as bytes, 15 MB as an S3
object; each side 80 to 10,000 pixels.
"""

from __future__ import annotations

import base64
import binascii
import io
import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
import numpy as np
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from PIL import ExifTags, Image, ImageOps

from common.imaging.decoding import UNREADABLE, UPRIGHT, open_picture
from common.imaging.pictures import PictureError, kind_of
from local.rekognition.drawings import is_unlike_photos
from local.rekognition.protocol import ServiceError, invalid_parameter

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from local.rekognition.detections import Pixels

MAX_INLINE_BYTES = 5 * 1024 * 1024
MAX_OBJECT_BYTES = 15 * 1024 * 1024
KINDS = ("JPEG", "PNG")
MIN_SIDE = 80
MAX_SIDE = 10_000

# Every detector scales its input down to at most 1,066 px (DETR); more pixels only cost time.
WORKING_SIDE = 1600

FETCHES = 32
"""The largest number of pictures that are fetched from S3 at the same time."""

log = logging.getLogger(__name__)


class Picture:
    """A JPEG or PNG within the service's limits. Only its header is read until pixels are asked for.

    Metadata never make a picture fail: they are removed before a decoder reads the file.
    """

    def __init__(self, data: bytes) -> None:
        """Read the header.

        Raises:
            ServiceError: InvalidImageFormatException, ImageTooLargeException or, under 80 px,
                InvalidParameterException (Amazon's answer, see boto/botocore issue 1366).
        """
        self._pixels: Pixels | None = None
        file = io.BytesIO(data)
        try:
            if kind_of(file) not in KINDS:
                raise _bad_format()
            self._opened = open_picture(data, kind_of(file), max_pixels=MAX_SIDE**2, begin=lambda _: None)
        except PictureError as error:
            raise _bad_format() from error
        width, height = self._opened.image.size
        if max(width, height) > MAX_SIDE:
            raise _too_large(f"{width} x {height} pixels, at most {MAX_SIDE} a side")
        if min(width, height) < MIN_SIDE:
            raise invalid_parameter(
                f"Request has invalid parameters: {width} x {height} pixels, at least {MIN_SIDE} a side"
            )

    def pixels(self) -> Pixels:
        """Return upright RGB, shape (height, width, 3). No side is over WORKING_SIDE. The picture is decoded once.

        Raises:
            ServiceError: InvalidImageFormatException if the picture is truncated or damaged.
        """
        if self._pixels is None:
            self._pixels = self._decode()
        return self._pixels

    @cached_property
    def is_unlike_photos(self) -> bool:
        """True for drawings, diagrams, screens and tiny pictures.

        Raises:
            ServiceError: see `pixels`.
        """
        return is_unlike_photos(self.pixels())

    def _decode(self) -> Pixels:
        # A JPEG decoder can halve the sides at almost no cost. For a PNG, this call does nothing.
        self._opened.reduce((WORKING_SIDE, WORKING_SIDE))
        try:
            self._opened.load()
            image = _as_rgb(self._opened.image)
        except (PictureError, *UNREADABLE) as error:
            raise _bad_format() from error
        image.getexif()[ExifTags.Base.Orientation] = self._opened.orientation() or UPRIGHT
        image = ImageOps.exif_transpose(image)
        image.thumbnail((WORKING_SIDE, WORKING_SIDE))
        return np.asarray(image)


class PictureSource:
    """Gets a request's picture from the request itself, or from S3. The AWS_* settings name the endpoint of S3."""

    def __init__(self) -> None:
        self._s3: S3Client = boto3.client(
            "s3",
            config=Config(
                connect_timeout=3,
                read_timeout=20,
                retries={"total_max_attempts": 2, "mode": "standard"},
                s3={"addressing_style": "path"},  # the only one that works for an address like 127.0.0.1
                max_pool_connections=FETCHES,
            ),
        )

    def get(self, image: dict[str, Any]) -> Picture:
        """Return the picture that the request's `Image` member names.

        Raises:
            ServiceError: the errors of `Picture`, and InvalidS3ObjectException, ImageTooLargeException,
                SerializationException (not base64), InvalidParameterException (no source or two).
        """
        if ("Bytes" in image) == ("S3Object" in image):
            raise invalid_parameter("Request has invalid parameters: give either Bytes or S3Object")
        if "Bytes" in image:
            return Picture(_inline(image["Bytes"]))
        return Picture(self._from_s3(**image["S3Object"]))

    def _from_s3(self, Bucket: str = "", Name: str = "", Version: str = "") -> bytes:  # noqa: N803 - the wire's names
        if not Bucket or not Name:
            raise invalid_parameter("Request has invalid parameters: S3Object needs Bucket and Name")
        which: dict[str, Any] = {"VersionId": Version} if Version else {}
        try:
            found = self._s3.get_object(Bucket=Bucket, Key=Name, **which)
            if found["ContentLength"] > MAX_OBJECT_BYTES:
                found["Body"].close()
                raise _too_large(f"{found['ContentLength']} bytes, at most {MAX_OBJECT_BYTES} in S3")
            return found["Body"].read()
        except (ClientError, BotoCoreError) as error:
            log.warning("s3://%s/%s %s: %s", Bucket, Name, Version, error)
            raise ServiceError(
                "InvalidS3ObjectException",
                "Unable to get object metadata from S3. Check object key, region and/or access permissions.",
            ) from error


def _inline(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ServiceError("SerializationException", "Unable to decode base64 at 'image.bytes'") from error
    if not data:
        raise ServiceError(
            "ValidationException",
            "1 validation error detected: Value at 'image.bytes' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1",
        )
    if len(data) > MAX_INLINE_BYTES:
        raise _too_large(f"{len(data)} bytes, at most {MAX_INLINE_BYTES} inline")
    return data


def _as_rgb(image: Image.Image) -> Image.Image:
    """Return RGB with eight bits for each channel. Transparent parts become white, as viewers show them."""
    if image.mode.startswith("I"):  # 16-bit grey; Pillow's own conversion clips instead of scaling
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    layered = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered).convert("RGB")


def _bad_format() -> ServiceError:
    return ServiceError("InvalidImageFormatException", "Request has invalid image format")


def _too_large(why: str) -> ServiceError:
    return ServiceError("ImageTooLargeException", f"Image size is too large: {why}")

"""Prepare a picture for Rekognition, once for all operations."""

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from recognition.runtime.pictures.stored_pictures import StoredPicture, StoredPictures

if TYPE_CHECKING:
    from mypy_boto3_rekognition.type_defs import ImageTypeDef


@dataclass
class PreparedPicture:
    """A picture that Rekognition is asked about. `ends_at` is the monotonic time at which the worker ends.

    With `may_refresh`, stored answers are replaced if the picture's upload asked for this.
    """

    stored: StoredPicture
    pictures: StoredPictures
    ends_at: float
    may_refresh: bool = True

    @property
    def refresh(self) -> str | None:
        """Identifies the upload that asked for new answers. None if stored answers will do."""
        return self.stored.metadata.get("refresh") if self.may_refresh else None

    @property
    def seconds_left(self) -> float:
        """Seconds until the worker ends."""
        return self.ends_at - time.monotonic()

    def check(self) -> None:
        """Inspect the picture, and refuse it if the inspection shows that Rekognition cannot take it.

        Raises:
            PictureError: the picture is not whole, or outside the limits.
            RetryLaterError: there is too little time.
        """
        self._is_recognizable  # noqa: B018 - inspects the picture at the first time

    @cached_property
    def image(self) -> "ImageTypeDef":
        """The parameter `Image` of the operations: a reference to the object, or a JPEG made from it.

        Raises:
            PictureError: the picture cannot be decoded.
            RetryLaterError: there is too little time.
        """
        if self._is_recognizable:
            return self.pictures.reference(self.stored)
        return self.pictures.converted(self.stored, seconds=self.seconds_left)

    @cached_property
    def _is_recognizable(self) -> bool:
        return self.pictures.is_recognizable(self.stored, seconds=self.seconds_left)

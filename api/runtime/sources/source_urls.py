"""Where pictures may come from: http, https and, in manifests, s3."""

from dataclasses import dataclass
from urllib.parse import quote

from common.runtime.safe_fetch import InvalidUrlError, Place

S3_SCHEME = "s3://"
MAX_URL = 1_800  # it is kept with the picture, and S3 keeps 2 KB of metadata
MAX_KEY = 1024


def check_url(url: str) -> str:
    """The URL, if it is one that could be fetched.

    Raises:
        InvalidUrlError: it is too long to be kept, or no URL; the message says what would do.
    """
    if len(url) > MAX_URL:
        raise InvalidUrlError(f"url takes at most {MAX_URL:,} characters")
    Place.from_url(url)
    return url


@dataclass(frozen=True)
class S3Object:
    """An object in another bucket."""

    bucket: str
    key: str

    @classmethod
    def from_url(cls, url: str) -> "S3Object":
        """Read `s3://bucket/key`, whose key stands as it is: nothing is percent-encoded.

        Raises:
            InvalidUrlError: it has no bucket, or no possible key.
        """
        bucket, _, key = url.removeprefix(S3_SCHEME).partition("/")
        if not bucket or not key:
            raise InvalidUrlError("url takes s3://bucket/key")
        try:
            size = len(key.encode())
        except UnicodeEncodeError as error:
            raise InvalidUrlError("url has half a character") from error
        if size > MAX_KEY:
            raise InvalidUrlError(f"url has a key of {size:,} bytes; it takes at most {MAX_KEY:,}")
        return cls(bucket, key)

    @property
    def url(self) -> str | None:
        """Percent-encoded, as S3 keeps metadata in ASCII; None where that would be too much for it."""
        url = f"{S3_SCHEME}{self.bucket}/{quote(self.key)}"
        return url if len(url) <= MAX_URL else None

"""Check the URLs of pictures: http, https and, in manifests, s3."""

from dataclasses import dataclass
from urllib.parse import quote

from common.runtime.safe_fetch.errors import InvalidUrlError
from common.runtime.safe_fetch.urls import ParsedUrl

S3_SCHEME = "s3://"
MAX_URL_CHARACTERS = 1_800
"""The longest URL. It is kept in the picture's metadata, and S3 accepts at most 2 KB of metadata."""
MAX_KEY_BYTES = 1024


def check_url(url: str) -> str:
    """Return the URL if it can be fetched.

    Raises:
        InvalidUrlError: the text is too long or is no URL. The message says what is valid.
    """
    if len(url) > MAX_URL_CHARACTERS:
        raise InvalidUrlError(f"url must have at most {MAX_URL_CHARACTERS:,} characters")
    ParsedUrl.parse(url)
    return url


@dataclass(frozen=True)
class S3Object:
    """An object in another bucket."""

    bucket: str
    key: str

    @classmethod
    def from_url(cls, url: str) -> "S3Object":
        """Read `s3://bucket/key`. The key is not percent-decoded.

        Raises:
            InvalidUrlError: the bucket is missing, or the key is missing or invalid.
        """
        bucket, _, key = url.removeprefix(S3_SCHEME).partition("/")
        if not bucket or not key:
            raise InvalidUrlError("url must be s3://bucket/key")
        try:
            size = len(key.encode())
        except UnicodeEncodeError as error:
            raise InvalidUrlError("url has half of a surrogate pair; expected whole characters") from error
        if size > MAX_KEY_BYTES:
            raise InvalidUrlError(f"url has a key of {size:,} bytes; expected at most {MAX_KEY_BYTES:,}")
        return cls(bucket, key)

    @property
    def url(self) -> str | None:
        """The URL, percent-encoded because S3 keeps metadata in ASCII. None if the URL is too long for metadata."""
        url = f"{S3_SCHEME}{self.bucket}/{quote(self.key)}"
        return url if len(url) <= MAX_URL_CHARACTERS else None

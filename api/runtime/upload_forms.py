"""Forms by which files go straight to S3, which holds them to what was signed: name, media type, size."""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError

import image_names
from correlation import METADATA
from http_api import bad_request
from image_store import NameTakenError, etag, is_missing
from pictures import CONTENT_TYPES
from safe_fetch import MAX_BYTES

FORM_SECONDS = 900
MD5 = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True)
class File:
    """What a caller wants to upload. `md5`, in hexadecimal digits, tells whether it is there already."""

    name: str
    content_type: str
    overwrite: bool
    md5: str | None

    @classmethod
    def of(cls, document: dict[str, Any]) -> "File":
        """Read a request's body.

        Raises:
            ApiError, ImageNameError: a member is missing or wrong; the message says what it takes.
        """
        if unknown := sorted(document.keys() - {"name", "content_type", "overwrite", "md5"}):
            raise bad_request(f"unknown member {unknown[0]!r}; the body takes content_type, md5, name, overwrite")
        name, content_type, md5 = document.get("name"), document.get("content_type"), document.get("md5")
        overwrite = document.get("overwrite", False)
        if not isinstance(name, str):
            raise bad_request("name is missing; it takes what the picture is to be called")
        if "${filename}" in name:
            raise bad_request("name has ${filename}, which S3 would replace; choose another")
        if not isinstance(content_type, str) or content_type not in CONTENT_TYPES.values():
            raise bad_request(f"content_type takes one of {', '.join(CONTENT_TYPES.values())}")
        if not isinstance(overwrite, bool):
            raise bad_request("overwrite takes true or false")
        if md5 is not None and not (isinstance(md5, str) and MD5.fullmatch(md5)):
            raise bad_request("md5 takes 32 hexadecimal digits in lower case")
        return cls(image_names.check(name), content_type, overwrite, md5)


@dataclass(frozen=True)
class UploadForms:
    """Signs forms for one bucket. `s3` must sign by version 4, for the bucket's own Region."""

    s3: Any
    bucket: str

    def sign(self, file: File, correlation_id: str) -> tuple[HTTPStatus, dict[str, Any]]:
        """A form for the file, or that its bytes are stored already.

        A taken name is refused here and now, as S3's policies know no condition: of forms that are used at once, the
        last one wins.

        Raises:
            NameTakenError: the name holds something else, and `overwrite` is false.
        """
        held = self._tag(file.name)
        if held is not None and held == file.md5:
            return HTTPStatus.OK, {"image": file.name, "message": f"{file.name} was stored already"}
        if held is not None and not file.overwrite:
            raise NameTakenError(file.name)
        fields = {"Content-Type": file.content_type, f"x-amz-meta-{METADATA}": correlation_id}
        form = self.s3.generate_presigned_post(
            self.bucket,
            file.name,
            Fields=fields,
            Conditions=[*({name: value} for name, value in fields.items()), ["content-length-range", 1, MAX_BYTES]],
            ExpiresIn=FORM_SECONDS,
        )
        return HTTPStatus.CREATED, {
            "image": file.name,
            "url": form["url"],
            "fields": form["fields"],
            "expires_in": FORM_SECONDS,
            "max_bytes": MAX_BYTES,
        }

    def _tag(self, name: str) -> str | None:
        """What tells the content of the object of this name, if there is one."""
        try:
            return etag(self.s3.head_object(Bucket=self.bucket, Key=name))
        except ClientError as error:
            if is_missing(error):
                return None
            raise

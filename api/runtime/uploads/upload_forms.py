"""Forms by which files go straight to S3, which holds them to what was signed: name, media type, size."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError

from api.runtime.uploads.image_store import NameTakenError, etag, is_missing
from common.runtime.correlation_ids import METADATA
from common.runtime.safe_fetch import MAX_BYTES

FORM_SECONDS = 900


@dataclass(frozen=True)
class File:
    """What a caller wants to upload. `md5`, in hexadecimal digits, tells whether it is there already."""

    name: str
    content_type: str
    overwrite: bool
    md5: str | None


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

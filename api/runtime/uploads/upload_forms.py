"""Sign forms that post files directly to S3. S3 enforces the signed name, media type and size."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from api.runtime.uploads import stored_content
from api.runtime.uploads.image_store import NameTakenError
from common.runtime.abilities.asked import asked_by
from common.runtime.abilities.enabled import as_metadata
from common.runtime.correlation_ids import METADATA
from common.runtime.safe_fetch.transport import MAX_BYTES

FORM_SECONDS = 900


@dataclass(frozen=True)
class File:
    """A file that a caller wants to upload. `md5` has hexadecimal digits. A form can be signed without it.

    `abilities` are the abilities that the upload asks for.
    """

    name: str
    content_type: str
    overwrite: bool
    md5: str | None
    abilities: tuple[str, ...] = ()


@dataclass(frozen=True)
class UploadForms:
    """Signs forms for one bucket. `s3` must use Signature Version 4 and the bucket's Region."""

    s3: Any
    bucket: str

    def sign(self, file: File, correlation_id: str) -> tuple[HTTPStatus, dict[str, Any]]:
        """Return 201 and a form, or 200 if the name holds the same bytes and asks for the same abilities.

        S3's form policies have no condition for existing objects. So this method refuses a name
        that is taken. If two forms for one name are used at the same time, the last upload wins.

        Raises:
            NameTakenError: the name holds another picture, and `overwrite` is false.
        """
        asked = frozenset(file.abilities)
        held = stored_content.head(self.s3, self.bucket, file.name)
        if held and file.md5 and self._has_md5(file.name, held, file.md5):
            known = asked_by(held["Metadata"])
            if known >= asked:
                return HTTPStatus.OK, {"image": file.name, "message": f"{file.name} was stored already"}
            asked |= known  # the picture is posted again, and also keeps the abilities that it has
        elif held and not file.overwrite:
            raise NameTakenError(file.name)
        metadata = {METADATA: correlation_id, **as_metadata(asked)}
        fields = {"Content-Type": file.content_type} | {f"x-amz-meta-{name}": text for name, text in metadata.items()}
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

    def _has_md5(self, name: str, held: Mapping[str, Any], md5: str) -> bool:
        """Return True if a stored picture has the MD5 of the file.

        An object that is too large for a form is not read.
        """
        return held["ContentLength"] <= MAX_BYTES and stored_content.md5(self.s3, self.bucket, name, held) == md5

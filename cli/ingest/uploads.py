"""Sends files and URLs to a running system."""

import hashlib
import stat
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from cli.api_client import TIMEOUT_SECONDS, CallError, call
from cli.ingest.picture_names import START_BYTES, content_type, metadata_owner, why_no_picture
from cli.ingest.sources import Address, File, Outcome, Result, Source, reason_of
from cli.target import Target
from common.runtime.safe_fetch.transport import MAX_BYTES

TO_THE_BUCKET = 'put larger ones into the bucket with aws s3 cp … "s3://$IMAGE_BUCKET/"'


class Uploads:
    """Sends files and URLs. Threads may share it."""

    def __init__(self, target: Target, workers: int, *, overwrite: bool, abilities: Sequence[str] = ()) -> None:
        from cli.http_sessions import retrying_session

        self._target = target
        self._overwrite = overwrite
        self._asked = {"abilities": list(abilities)} if abilities else {}
        self._session = retrying_session(workers)

    def send(self, source: Source) -> Result:
        """Send a file or URL, unless it is not a picture or is already stored."""
        try:
            if isinstance(source, Address):
                return self._fetch(source)
            return _check_name(source) or _check_file(source) or self._send(source, source.path.read_bytes())
        except CallError as error:
            return Result.of(source, Outcome.REFUSED if error.status else Outcome.UNSENT, str(error))
        except OSError as error:  # requests' errors are OSErrors
            return Result.of(source, Outcome.UNSENT, reason_of(error))

    def _send(self, file: File, body: bytes) -> Result:
        """Ask for an upload form, and use the form to post the file to S3."""
        media_type = content_type(file.path.name, body)
        md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
        wanted = {
            "name": file.name,
            "content_type": media_type,
            "md5": md5,
            "overwrite": self._overwrite,
            **self._asked,
        }
        form = self._form(wanted)
        if form is None:
            return Result.of(file, Outcome.UNCHANGED)
        posted = self._session.post(form["url"], data=form["fields"], files={"file": body}, timeout=TIMEOUT_SECONDS)
        if not posted.ok:
            return Result.of(file, Outcome.REFUSED, f"S3 answered {posted.status_code}: {posted.text[:200]}")
        # The ETag of an object that is encrypted with a KMS key is no MD5. Then the API compares the bytes.
        if posted.headers.get("ETag", md5).strip('"') != md5 and not self._is_stored(wanted):
            return Result.of(file, Outcome.UNSENT, "S3 stored other bytes than were sent; send the file again")
        return Result.of(file, Outcome.STORED, request_id=form["request_id"])

    def _form(self, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return an upload form, or None if these bytes are stored already.

        Raises:
            CallError: the API refused the file or did not answer.
        """
        answer = call(self._target, "POST", f"{self._target.upload_url}/uploads", body=wanted, session=self._session)
        form: dict[str, Any] = answer.json()
        return form if answer.status_code == HTTPStatus.CREATED else None

    def _is_stored(self, wanted: Mapping[str, Any]) -> bool:
        try:
            return self._form({**wanted, "overwrite": False}) is None
        except CallError as error:
            if error.status == HTTPStatus.CONFLICT:
                return False
            raise

    def _fetch(self, address: Address) -> Result:
        """Let the system fetch a URL."""
        if not address.name.rpartition("/")[2]:
            reason = "the URL has no file name; add one with --prefix, such as --prefix a.jpg"
            return Result.of(address, Outcome.REFUSED, reason)
        wanted = {"url": address.url, "name": address.name, "overwrite": self._overwrite, **self._asked}
        # This does not use the retrying session, because a source that does not answer takes 20 s each time.
        answer = call(self._target, "POST", f"{self._target.upload_url}/images", body=wanted)
        if answer.status_code != HTTPStatus.CREATED:
            return Result.of(address, Outcome.UNCHANGED)
        return Result.of(address, Outcome.STORED, request_id=answer.json()["request_id"])


def _check_name(file: File) -> Result | None:
    """Return the result of a file that is not sent because of its name, else None."""
    if owner := metadata_owner(file.path.name):
        return Result.of(file, Outcome.SKIPPED, f"metadata of {owner}")
    if not _is_text(file.name):
        return Result.of(file, Outcome.REFUSED, "the file's name is not UTF-8; rename the file")
    return None


def _check_file(file: File) -> Result | None:
    """Return the result of a file that is not sent because of its kind, bytes or size, else None."""
    if file.path.is_symlink() and not file.path.exists():
        return Result.of(file, Outcome.UNSENT, "a broken link")
    status = file.path.stat()
    if not stat.S_ISREG(status.st_mode):
        return Result.of(file, Outcome.SKIPPED, "neither a file nor a folder")
    with file.path.open("rb") as opened:
        start = opened.read(START_BYTES)
    if content_type(file.path.name, start) is None:
        return Result.of(file, Outcome.SKIPPED, why_no_picture(file.path.name))
    if not status.st_size:
        return Result.of(file, Outcome.REFUSED, "the file is empty")
    if status.st_size > MAX_BYTES:
        reason = f"the file has {status.st_size:,} bytes; the limit is {MAX_BYTES:,}: {TO_THE_BUCKET}"
        return Result.of(file, Outcome.REFUSED, reason)
    return None


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # Python's stand-ins for bytes that are not UTF-8
        return False
    return True

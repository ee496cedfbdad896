"""Make an image's record agree with the current version of its object, and announce the record.

An event only says that an object changed. The worker looks up the current version, stores a record of it, and looks
again. If the version has changed by then, it starts again. So events may be late, repeated and out of order:

- A record replaces only the record that the worker read before it looked. If another worker was first, the write fails.
- A worker deletes its message only if a check after its last write found the version that the record describes. So the
  very last write always describes the last version.
- If a worker ends between its write and its second check, its message stays in the queue. The next worker that receives
  the message corrects and announces the record.

A change may ask for abilities. If the record describes the current version, it keeps its labels, and only the results
of these abilities are added or read again.
"""

import time
from dataclasses import dataclass, replace

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit

from common.runtime.abilities.asked import asked_by
from common.runtime.correlation_ids import METADATA, well_formed
from common.runtime.message_batch import RetryLaterError
from common.runtime.metrics import count
from common.runtime.recognition_event import image_id
from common.runtime.s3_events import Change
from common.runtime.timestamps import moment, now, timestamp
from recognition.runtime.detection.ability_recognizer import AbilityRecognizer
from recognition.runtime.detection.detect_labels import Detection
from recognition.runtime.detection.prepared_picture import PreparedPicture
from recognition.runtime.detection.recognizer import Recognizer
from recognition.runtime.pictures.stored_pictures import StoredPicture, StoredPictures
from recognition.runtime.records.image_records import ImageRecord, ImageRecords
from recognition.runtime.records.item_size import fit_into_item
from recognition.runtime.records.labels_topic import LabelsTopic

logger = Logger()

TOMBSTONE_SECONDS = 30 * 24 * 3600
MAX_ATTEMPTS = 5
RETRY_SECONDS = 5


@dataclass(frozen=True)
class RecordUpdater:
    """Handles the changes of objects."""

    pictures: StoredPictures
    recognizer: Recognizer
    abilities: AbilityRecognizer
    records: ImageRecords
    topic: LabelsTopic

    def without_calls(self) -> "RecordUpdater":
        """Return an updater that uses only the stored answers of Rekognition."""
        return replace(self, recognizer=self.recognizer.without_calls(), abilities=self.abilities.without_calls())

    def handle(self, change: Change, *, seconds: float, attempt: int) -> None:
        """Make the record agree with the current version, and announce it.

        `seconds` are left until this worker ends. `attempt` counts the attempts at this message.

        A record that another change stored is not announced here. The handler of that other change announces it.

        Raises:
            CallNeededError: the current version needs a call of Rekognition, and this updater may not make one.
            ClaimedError: another worker is asking about the same content.
            OverBudgetError: the month's budget pays for no further call.
            RetryLaterError: the object kept changing, or there was too little time.
            ClientError, BotoCoreError: a transient error.
        """
        logger.thread_safe_append_keys(image=change.key, correlation_id=change.request_id)
        ends_at = time.monotonic() + seconds
        record = self._reconcile(change, ends_at, attempt)
        if record is None or not record.is_stored_by(change.sequencer):
            logger.info("nothing to announce")
            return
        logger.thread_safe_append_keys(correlation_id=record.correlation_id)
        self.topic.announce(record.event())

    def _reconcile(self, change: Change, ends_at: float, attempt: int) -> ImageRecord | None:
        """Store records until one of them describes the current version.

        Returns this record, or None if the image never existed.
        """
        record = self.records.get(change.key)
        for _ in range(MAX_ATTEMPTS):
            if record and self._is_complete(record, change):
                return record
            new = self._new_record(change, record, ends_at, attempt)
            if new is None:
                return None
            new = fit_into_item(new)  # so the event is the same if it is announced again from the stored record
            record = self.records.replace(record, new)
            if record is new and not change.abilities:
                _count(new, change)
        raise RetryLaterError("the picture kept changing", RETRY_SECONDS)

    def _is_complete(self, record: ImageRecord, change: Change) -> bool:
        current = self.pictures.current_version(change.bucket, change.key)
        return self._describes(record, change, current) and not self._lacking(record, change)

    def _describes(self, record: ImageRecord, change: Change, version_id: str | None) -> bool:
        """Return True if the record is about this version, and the change has not overwritten the version since."""
        is_overwritten = change.may_overwrite(version_id) and record.sequencer < change.sequencer
        return record.describes(version_id) and not is_overwritten

    def _lacking(self, record: ImageRecord, change: Change) -> list[str]:
        """Return the enabled abilities that the change asks for, if the record has no results for this change."""
        enabled = self.abilities.operations
        return [name for name in change.abilities if name in enabled and record.lacks(name, change.sequencer)]

    def _new_record(
        self, change: Change, previous: ImageRecord | None, ends_at: float, attempt: int
    ) -> ImageRecord | None:
        """Make a record of the current version. Returns None if there is no version and no previous record."""
        with self.pictures.read(change.bucket, change.key) as picture:
            if picture is None:
                return self._tombstone(change).following(previous) if previous else None
            logger.thread_safe_append_keys(correlation_id=_correlation_id(picture, change))
            prepared = PreparedPicture(picture, self.pictures, ends_at)
            is_current = previous and self._describes(previous, change, picture.version_id)
            if previous and is_current and (lacking := self._lacking(previous, change)):
                # Its upload asked to pay again for what was asked then. Now, a stored answer of any upload will do.
                prepared = replace(prepared, may_refresh=False)
                results = self.abilities.results(prepared, lacking, attempt=attempt)
                return replace(
                    previous,
                    sequencer=change.sequencer,
                    stored_by=None,
                    recognized_at=now(),
                    abilities=previous.abilities | results,
                ).following(previous)
            record = self._record(change, picture, self.recognizer.recognize(prepared, attempt=attempt))
            if record.status == "RECOGNIZED":
                wanted = self.abilities.wanted(change.key, asked_by(picture.metadata).union(change.abilities))
                record = replace(record, abilities=self.abilities.results(prepared, wanted, attempt=attempt))
            return record.following(previous)

    def _record(self, change: Change, picture: StoredPicture, detection: Detection) -> ImageRecord:
        is_named = picture.version_id == change.version_id
        return ImageRecord(
            image=change.key,
            image_id=image_id(change.bucket, change.key),
            status="FAILED" if detection.failure else "RECOGNIZED",
            bucket=change.bucket,
            version_id=picture.version_id,
            sequencer=change.sequencer,
            # S3's own time is in whole seconds.
            uploaded_at=change.occurred_at if is_named else timestamp(picture.stored_at),
            recognized_at=now(),
            fingerprint=self.recognizer.operation.fingerprint,
            size=picture.size,
            source_url=picture.metadata.get("source-url"),
            model=detection.model,
            labels=detection.labels,
            failure=detection.failure,
            truncated=detection.truncated,
            correlation_id=_correlation_id(picture, change),
            content_type=picture.content_type,
        )

    def _tombstone(self, change: Change) -> ImageRecord:
        return ImageRecord(
            image=change.key,
            image_id=image_id(change.bucket, change.key),
            status="DELETED",
            bucket=change.bucket,
            version_id=change.version_id,
            sequencer=change.sequencer,
            uploaded_at=change.occurred_at,
            recognized_at=now(),
            fingerprint=self.recognizer.operation.fingerprint,
            expires_at=int(time.time()) + TOMBSTONE_SECONDS,
            correlation_id=change.request_id,
        )


def _correlation_id(picture: StoredPicture, change: Change) -> str | None:
    return well_formed(picture.metadata.get(METADATA)) or change.request_id


def _count(record: ImageRecord, change: Change) -> None:
    if record.status == "DELETED":
        return
    # A success counts a zero, so that the average is the share of failures.
    count("Failed", int(record.status == "FAILED"))
    if record.status == "RECOGNIZED":
        count("Recognized")
        passed = moment(record.recognized_at) - moment(change.occurred_at)
        count("UploadToLabels", max(0, passed.total_seconds() * 1000), MetricUnit.Milliseconds)
    elif record.failure:
        count("Failed", code=record.failure.code)

"""Write `{image_id}.json` to the results bucket: Rekognition's answer for each image, in Rekognition's own terms."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recognition.runtime.records.image_records import ImageRecord

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from common.runtime.recognition_event import Instance, Label


@dataclass(frozen=True)
class ResultDocuments:
    """The results bucket."""

    s3: "S3Client"
    bucket: str

    def reconcile(self, image_id: str, record: ImageRecord | None) -> None:
        """Write the image's document, or remove it if the image has no labels: deleted, failed or without a record."""
        key = f"{image_id}.json"
        if record is None or record.status != "RECOGNIZED":
            self.s3.delete_object(Bucket=self.bucket, Key=key)
            return
        body = json.dumps(result_document(record), ensure_ascii=False).encode()
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType="application/json")


def result_document(record: ImageRecord) -> dict[str, Any]:
    """Return `{"image_id", "labels": [{"Name", "Confidence", "Instances", "Parents"}]}`."""
    return {"image_id": record.image_id, "labels": [_label(label) for label in record.labels]}


def _label(label: "Label") -> dict[str, Any]:
    return {
        "Name": label.name,
        "Confidence": label.confidence,
        "Instances": [_instance(instance) for instance in label.instances],
        "Parents": [{"Name": parent} for parent in label.parents],
    }


def _instance(instance: "Instance") -> dict[str, Any]:
    box = instance.box
    sides = {"Width": box.width, "Height": box.height, "Left": box.left, "Top": box.top}
    return {"BoundingBox": sides, "Confidence": instance.confidence}

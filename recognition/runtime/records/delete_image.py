"""Delete an image. The picture's object gets a delete marker. The event of the delete marker removes everything that is
derived from the picture."""

from typing import Any

from aws_lambda_powertools import Logger

from recognition.runtime.records.image_records import ImageRecord

logger = Logger()


def delete_image(s3: Any, record: ImageRecord) -> None:
    """Delete the current version of an image's object. Earlier versions stay in the bucket.

    Raises:
        ClientError, BotoCoreError: S3 refused the deletion or did not answer.
    """
    answer = s3.delete_object(Bucket=record.bucket, Key=record.image)
    # The event of this deletion carries the same id, and so do all later log lines about it.
    s3_request_id = answer["ResponseMetadata"]["RequestId"]
    logger.info("deleted", extra={"image": record.image, "s3_request_id": s3_request_id})

"""Distinguish failures that a picture causes from transient failures."""

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from common.imaging.pictures import DecoderFailedError, PictureError
from common.runtime.message_batch import RetryLaterError
from common.runtime.recognition_event import Failure

logger = Logger()

MAX_ATTEMPTS = 3


class DecoderEndedError(RetryLaterError):
    """The decoder ended while it handled the picture. After several attempts, the picture counts as the cause."""


def is_final(error: Exception, attempt: int) -> bool:
    """Return True if the picture must be the cause of an error, because no attempt so far succeeded.

    The picture is not the cause if a service fails or throttles, if another worker is first, or if time, memory or disk
    space is short. Messages with such errors wait, even after many attempts.
    """
    if attempt < MAX_ATTEMPTS:
        return False
    if isinstance(error, DecoderEndedError):
        return True
    return not isinstance(error, RetryLaterError | ClientError | BotoCoreError | OSError | MemoryError)


def failure_by(error: Exception, attempt: int) -> Failure | None:
    """Return the failure to record for a picture after this error, or None if another attempt may succeed."""
    if isinstance(error, PictureError):
        return Failure(code=error.code, message=str(error))
    if not is_final(error, attempt):
        return None
    logger.error("the picture failed too often", extra={"attempt": attempt}, exc_info=error)
    message = f"the picture failed {attempt} times; the last error was {type(error).__name__}"
    return Failure(code=DecoderFailedError.code, message=message)

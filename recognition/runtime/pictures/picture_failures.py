"""Distinguish failures that a picture causes from transient failures."""

from botocore.exceptions import BotoCoreError, ClientError

from common.runtime.message_batch import RetryLaterError

MAX_ATTEMPTS = 3


class DecoderEndedError(RetryLaterError):
    """Something ended the decoder while it had the picture. After several attempts the picture itself is the cause."""


def is_final(error: Exception, attempt: int) -> bool:
    """Return True if an error must be the picture's own, because no attempt so far succeeded.

    An error has another cause if a service fails or throttles, if another worker is first, or if time, memory or disk
    space is short. Such messages wait, however often they were received.
    """
    if attempt < MAX_ATTEMPTS:
        return False
    if isinstance(error, DecoderEndedError):
        return True
    return not isinstance(error, RetryLaterError | ClientError | BotoCoreError | OSError | MemoryError)

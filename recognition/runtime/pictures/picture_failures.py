"""Tell a picture that fails for its own reasons from everything that may pass."""

from botocore.exceptions import BotoCoreError, ClientError

from common.runtime.message_batch import RetryLaterError

MAX_ATTEMPTS = 3


class DecoderEndedError(RetryLaterError):
    """Something ended the decoder while it had the picture. After several attempts the picture itself is the cause."""


def is_final(error: Exception, attempt: int) -> bool:
    """Return True if an error must be the picture's own, because no attempt so far succeeded.

    Services that fail or throttle, other workers, a lack of time and a lack of memory or disk space explain an error
    otherwise. Such messages wait, however often they were received.
    """
    if attempt < MAX_ATTEMPTS:
        return False
    if isinstance(error, DecoderEndedError):
        return True
    return not isinstance(error, RetryLaterError | ClientError | BotoCoreError | OSError | MemoryError)

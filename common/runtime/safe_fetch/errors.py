"""The errors of fetching a URL. Messages name the rule or the source's answer, never an address."""


class FetchError(Exception):
    """A URL could not be fetched."""


class InvalidUrlError(FetchError):
    """The URL cannot be fetched, or different programs read it in different ways."""


class SourceForbiddenError(FetchError):
    """The rules do not allow this source."""


class SourceFailedError(FetchError):
    """The source could not be reached or answered with an error.

    `status` is the status of the source's answer, if there was an answer. `retry_after` is the number of seconds that
    the source asks us to wait.
    """

    def __init__(self, message: str, status: int | None = None, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class SourceTimeoutError(FetchError):
    """The source was too slow."""


class TooLargeError(FetchError):
    """The source sends more bytes than the limit."""

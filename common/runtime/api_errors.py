"""What our HTTP APIs answer instead of a success."""

from http import HTTPStatus


class ApiError(Exception):
    """An answer other than success: its status, a code for programs, a message for people."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def bad_request(message: str) -> ApiError:
    """400: a parameter is missing or has a value that it cannot take; the message names it."""
    return ApiError(HTTPStatus.BAD_REQUEST, "InvalidParameter", message)

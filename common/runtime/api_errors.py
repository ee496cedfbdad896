"""Errors of our HTTP APIs."""

from http import HTTPStatus


class ApiError(Exception):
    """An error answer with a status, a code for programs and a message for people."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def bad_request(message: str) -> ApiError:
    """Return a 400 for a parameter that is missing or has a wrong value. The message names the parameter."""
    return ApiError(HTTPStatus.BAD_REQUEST, "InvalidParameter", message)

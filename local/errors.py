"""The error that every part of the embedded cloud raises."""


class CloudError(RuntimeError):
    """The embedded cloud cannot do what was asked. The message gives the reason and names the log."""

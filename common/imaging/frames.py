"""Read and write frames: JSON and bytes. A function, its decoder service and the limited processes exchange them."""

import json
import shutil
import struct
from typing import IO, Any

HEAD = struct.Struct(">II")
"""The length of the JSON, and the length of the bytes that follow it."""


def write_frame(file: IO[bytes], document: Any, content: bytes | IO[bytes] = b"") -> None:
    """Write a JSON document and the bytes that belong to it."""
    text = json.dumps(document).encode()
    if isinstance(content, bytes):
        file.write(HEAD.pack(len(text), len(content)) + text)
        file.write(content)
    else:
        length = content.seek(0, 2)
        file.write(HEAD.pack(len(text), length) + text)
        content.seek(0)
        shutil.copyfileobj(content, file)
    file.flush()


def read_head(file: IO[bytes]) -> tuple[Any, int]:
    """Read a document and the number of bytes that follow it.

    Raises:
        EOFError: the file ends before that.
    """
    text_bytes, content_bytes = HEAD.unpack(read_exactly(file, HEAD.size))
    return json.loads(read_exactly(file, text_bytes)), content_bytes


def read_frame(file: IO[bytes]) -> tuple[Any, bytes]:
    """Read a document and its bytes.

    Raises:
        EOFError: the file ends before that.
    """
    document, length = read_head(file)
    return document, read_exactly(file, length)


def read_exactly(file: IO[bytes], length: int) -> bytes:
    """Read exactly this number of bytes.

    Raises:
        EOFError: the file has fewer bytes.
    """
    content = file.read(length)
    if len(content) < length:
        raise EOFError
    return content

"""Recognises pictures, manifests, videos and metadata by their names, and media types by the first bytes."""

import io
import re
from enum import Enum
from pathlib import PurePosixPath

from api.runtime.manifests.manifest_layout import FORMATS
from common.imaging.pictures import CONTENT_TYPES, SIGNATURE_BYTES, NoPictureError, kind_of

START_BYTES = SIGNATURE_BYTES
"""The number of bytes at the start of a file that show its media type."""

PICTURE_TYPES = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif", ".jfi", ".jif", ".mpo"), "image/jpeg"),
    **dict.fromkeys((".png", ".apng"), "image/png"),
    ".webp": "image/webp",
    **dict.fromkeys((".avif", ".avifs"), "image/avif"),
    **dict.fromkeys((".heic", ".heics", ".heif", ".heifs", ".hif"), "image/heic"),
    ".gif": "image/gif",
    **dict.fromkeys((".tif", ".tiff"), "image/tiff"),
    **dict.fromkeys((".bmp", ".dib"), "image/bmp"),
}
"""The media types of pictures, by the suffixes that cameras, phones and browsers write."""

MANIFEST_SUFFIXES = {f".{ending}" for ending in FORMATS}
VIDEO_SUFFIXES = {
    ".mov", ".mp4", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".3gp", ".3g2", ".mts", ".m2ts", ".wmv", ".flv",
    ".ogv", ".vob", ".asf", ".insv",
}  # fmt: skip

EXTENSION = re.compile(r"\.(?=.*[a-z])[a-z0-9_+-]{1,8}")
"""The form of an extension. "Screenshot 10.30.15", "Dr. Who" and "scan" have no extension."""

METADATA_FILES = {
    ".ds_store": "macOS",
    "thumbs.db": "Windows",
    "ehthumbs.db": "Windows",
    "ehthumbs_vista.db": "Windows",
    "desktop.ini": "Windows",
    ".picasa.ini": "Picasa",
}
METADATA_FOLDERS = {
    "__macosx": "macOS",
    "@eadir": "a Synology NAS",
    "@__thumb": "a QNAP NAS",
    ".@__thumb": "a QNAP NAS",
    ".thumbnails": "Android",
}
APPLE_DOUBLE = "._"
"""If a disk cannot store metadata in another way, macOS writes the metadata of photo.jpg into ._photo.jpg."""


class Kind(Enum):
    """The kinds of files by their names."""

    PICTURE = "picture"
    MANIFEST = "manifest"
    VIDEO = "video"
    OTHER = "other"


NOT_PICTURES = {
    Kind.MANIFEST: "its bytes are not a picture; to send a manifest, give only manifests",
    Kind.VIDEO: "a video; only pictures are stored",
}


def suffix_of(name: str) -> str:
    """Return the extension in lower case, such as ".jpg", or "" if there is none."""
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if EXTENSION.fullmatch(suffix) else ""


def kind_by_name(name: str) -> Kind:
    """Return the kind of a file by its name."""
    suffix = suffix_of(name)
    if suffix in PICTURE_TYPES:
        return Kind.PICTURE
    if suffix in MANIFEST_SUFFIXES:
        return Kind.MANIFEST
    if suffix in VIDEO_SUFFIXES:
        return Kind.VIDEO
    return Kind.OTHER


def why_no_picture(name: str) -> str:
    """Return the reason to leave out a file that does not contain a picture's bytes. The words fit the file's name."""
    return NOT_PICTURES.get(kind_by_name(name), "its bytes are not a picture")


def metadata_owner(path: str) -> str | None:
    """Return the system that wrote a metadata file or folder, such as "macOS". Returns None for other files."""
    *folders, name = (part.lower() for part in path.split("/"))
    for folder in (*folders, name):
        if folder in METADATA_FOLDERS:
            return METADATA_FOLDERS[folder]
    return "macOS" if name.startswith(APPLE_DOUBLE) else METADATA_FILES.get(name)


def content_type(name: str, start: bytes) -> str | None:
    """Return the media type by the first bytes, or else by the name. Returns None if neither belongs to a picture."""
    try:
        return CONTENT_TYPES[kind_of(io.BytesIO(start))]
    except NoPictureError:
        return PICTURE_TYPES.get(suffix_of(name))

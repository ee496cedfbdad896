"""What a file is by its name."""

from pathlib import PurePath

from api.runtime.manifests.manifest_lines import KINDS

CONTENT_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".jfif": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".heic": "image/heic",
    ".heif": "image/heic",
    ".gif": "image/gif",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".bmp": "image/bmp",
}
"""The media type of a picture by its suffix. The system looks at the bytes when the picture has arrived."""

MANIFEST_SUFFIXES = {f".{kind}" for kind in KINDS}


def suffix(path: PurePath) -> str:
    """Return the suffix in lower case, such as ".jpg"."""
    return path.suffix.lower()

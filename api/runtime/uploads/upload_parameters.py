"""Declare the parameters of the Image Upload Service."""

import json
from dataclasses import replace

from api.runtime.sources.source_urls import MAX_URL_CHARACTERS
from api.runtime.uploads import image_names
from common.imaging.pictures import CONTENT_TYPES
from common.runtime import abilities
from common.runtime.request_parameters import Body, Parameter, flag, matching

MD5 = "[0-9a-f]{32}"
PLACEHOLDER = "${filename}"
MEDIA_TYPES = {
    **{media_type: media_type for media_type in CONTENT_TYPES.values()},
    **dict.fromkeys(("image/jpg", "image/pjpeg", "image/jpe", "image/jfif"), "image/jpeg"),
    **dict.fromkeys(("image/heif", "image/heic-sequence", "image/heif-sequence"), "image/heic"),
    **dict.fromkeys(("image/x-png", "image/apng"), "image/png"),
    **dict.fromkeys(("image/x-bmp", "image/x-ms-bmp", "image/x-windows-bmp", "image/dib"), "image/bmp"),
    "image/avif-sequence": "image/avif",
    **dict.fromkeys(("image/tif", "image/x-tif", "image/x-tiff", "image/tiff-fx"), "image/tiff"),
    "image/x-webp": "image/webp",
}
"""Maps media types that devices and programs send to the media types under which pictures are stored."""


def _file_name(text: str) -> str:
    if PLACEHOLDER in text:
        raise ValueError(text)
    return text


def _content_type(text: str) -> str:
    return MEDIA_TYPES[text.partition(";")[0].strip().lower()]


URL = Parameter(
    name="url",
    about="The picture's address.",
    takes="the picture's address, percent-encoded",
    schema={"type": "string", "format": "uri", "maxLength": MAX_URL_CHARACTERS},
    read=str,
    required=True,
    several="send a call for each picture, or a manifest of many",
)
NAME = Parameter(
    name="name",
    about="The picture's name. Without it, the last part of the URL's path.",
    takes="a name such as holiday/img-01.jpg",
    schema={"type": "string", "minLength": 1, "maxLength": image_names.MAX_NAME_BYTES},
    read=str,
)
OVERWRITE = flag("overwrite", "Replace another picture of this name.")
REFRESH = flag("refresh", "Ask Rekognition again, and pay again, for the same picture.")
ABILITIES = Parameter(
    name="abilities",
    about="The abilities that Rekognition is asked for, besides labels. The setting `abilities` must enable them.",
    takes=f"a list of names, such as {json.dumps(list(abilities.ABILITIES)[:2])}",
    schema={"type": "string", "enum": list(abilities.ABILITIES)},
    read=str,
    most=len(abilities.ABILITIES),
)
FILE_NAME = replace(
    NAME,
    about="The picture's name.",
    takes=f"{NAME.takes}, without {PLACEHOLDER}, which S3 would replace",
    read=_file_name,
    required=True,
)
CONTENT_TYPE = Parameter(
    name="content_type",
    about="The file's media type, in upper or lower case. Other names of types, such as image/jpg, are accepted too.",
    takes=f"one of {', '.join(CONTENT_TYPES.values())}",
    schema={"type": "string", "examples": list(CONTENT_TYPES.values())},
    read=_content_type,
    required=True,
)
FILE_MD5 = Parameter(
    name="md5",
    about="The file's MD5. If the stored picture has the same MD5, no upload is needed.",
    takes="32 hexadecimal digits in lower case",
    schema={"type": "string", "pattern": f"^{MD5}$"},
    read=matching(MD5),
)

FILES = "Send a file with `sightline ingest FILE`, or with a form from POST /uploads"
PICTURE = Body(members=(URL, NAME, OVERWRITE, REFRESH, ABILITIES), example='{"url": "https://…"}', files=FILES)
FILE = Body(
    members=(FILE_NAME, CONTENT_TYPE, OVERWRITE, FILE_MD5, ABILITIES),
    example='{"name": "a.jpg", "content_type": "image/jpeg"}',
    files="The answer is a form. Post the file to the form's url, with the form's fields",
)

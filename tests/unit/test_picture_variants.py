"""Pictures in less common modes, with damaged later frames and with trailers are decoded at their size."""

import io

import pytest
from PIL import Image

from common.imaging import decoding
from common.imaging.pictures import kind_of
from tests.picture_variants import VARIANTS

MAX_PIXELS = 60_000_000


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_inspected_and_converted(name: str) -> None:
    body = VARIANTS[name][0]()
    kind = kind_of(io.BytesIO(body))
    picture = decoding.inspect(body, kind, max_pixels=MAX_PIXELS, begin=lambda _: None)
    form = decoding.FORMS["recognition"]
    jpeg = decoding.convert(body, kind, max_pixels=MAX_PIXELS, form=form, begin=lambda _: None)
    assert (picture.width, picture.height) == Image.open(io.BytesIO(jpeg)).size == (160, 120)


@pytest.mark.parametrize("name", ["png-unknown-chunk.png", "png-two-headers.png"])
def test_a_png_that_decoders_read_differently_is_not_regular(name: str) -> None:
    picture = decoding.inspect(VARIANTS[name][0](), "PNG", max_pixels=MAX_PIXELS, begin=lambda _: None)
    assert not picture.is_recognizable

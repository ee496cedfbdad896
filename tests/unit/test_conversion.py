import io
import random
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from common.imaging import conversion_process, jpeg_conversion, picture_headers
from tests.picture_files import FORMATS, ORIENTATIONS, encoded, quarters, scene

MAX_PIXELS = 60_000_000
AS_SEEN = ["red", "grey", "grey", "blue"]


def converted(body: bytes, form: str = "recognition") -> Image.Image:
    """In this process; the limits of the other one have tests of their own."""
    return Image.open(
        io.BytesIO(
            conversion_process.convert(io.BytesIO(body), max_pixels=MAX_PIXELS, form=conversion_process.FORMS[form])
        )
    )


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_becomes_a_jpeg(format: str) -> None:
    jpeg = converted(encoded(scene(), format))
    assert (jpeg.format, jpeg.mode, jpeg.size, quarters(jpeg)) == ("JPEG", "RGB", (160, 120), AS_SEEN)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("format", sorted(set(FORMATS) - {"GIF", "BMP"}))  # which know no orientation
def test_what_lies_turned_is_turned_upright(format: str, orientation: int) -> None:
    jpeg = converted(encoded(scene(), format, orientation=orientation))
    assert (jpeg.size, quarters(jpeg), dict(jpeg.getexif())) == ((160, 120), AS_SEEN, {})


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I", "I;16", "F"])
def test_every_kind_of_pixel_is_seen(mode: str) -> None:
    """Bright at the left, dark at the right; twelve bits of a scanner, and a picture's own floats, included."""
    image = Image.new("L", (100, 100), 0)
    image.paste(200, (0, 0, 50, 100))
    if mode == "I;16":
        values = b"".join((value * 16).to_bytes(2, "little") for value in image.tobytes())
        body = encoded(Image.frombytes("I;16", image.size, values), "PNG")
    else:
        body = encoded(image.convert(mode), "PNG" if mode in {"1", "L", "LA", "P", "RGBA"} else "TIFF")
    jpeg = converted(body).convert("L")
    left, right = jpeg.getpixel((25, 50)), jpeg.getpixel((75, 50))
    assert isinstance(left, int)
    assert isinstance(right, int)
    assert left > 190
    assert right < 20


def test_what_is_transparent_lies_on_white() -> None:
    assert converted(encoded(Image.new("RGBA", (90, 90), (0, 0, 0, 0)), "WEBP")).getpixel((40, 40)) == (255, 255, 255)


def test_an_animation_is_its_first_frame() -> None:
    buffer = io.BytesIO()
    scene().save(buffer, "GIF", save_all=True, append_images=[Image.new("RGB", (160, 120), "green")])
    assert quarters(converted(buffer.getvalue())) == AS_SEEN


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_picture_too_large_is_scaled_down_with_its_proportions(format: str, orientation: int) -> None:
    jpeg = converted(encoded(scene((10_200, 400)), format, orientation=orientation))
    assert (jpeg.size, quarters(jpeg)) == ((3_400, 134), AS_SEEN)


def test_one_too_long_and_narrow_for_rekognition_is_refused() -> None:
    with pytest.raises(picture_headers.TooSmallPictureError, match="too long and narrow"):
        converted(encoded(Image.new("L", (20_000, 100)), "PNG"))


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((30, 20), (30, 20)),
        ((700, 400), (512, 293)),
        ((2_047, 2_047), (512, 512)),
        ((5_000, 2_500), (512, 256)),
        ((20_000, 3), (512, 1)),
    ],
)
@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_a_thumbnail_is_made_of_pictures_that_rekognition_refuses_too(
    size: tuple[int, int], wanted: tuple[int, int], format: str
) -> None:
    assert converted(encoded(Image.new("L", size, 99), format), "thumbnail").size == wanted


def test_noise_that_no_jpeg_makes_small_is_made_smaller() -> None:
    noise = Image.frombytes("RGB", (3_000, 2_600), random.Random(1).randbytes(3_000 * 2_600 * 3))
    form = conversion_process.FORMS["recognition"]
    jpeg = conversion_process.convert(io.BytesIO(encoded(noise, "BMP")), max_pixels=MAX_PIXELS, form=form)
    assert len(jpeg) <= conversion_process.MAX_BYTES
    assert Image.open(io.BytesIO(jpeg)).size == (1_500, 1_300)


def test_a_file_that_was_cut_off_is_damaged() -> None:
    with pytest.raises(picture_headers.DamagedPictureError):
        converted(encoded(scene(), "WEBP")[:-40])


def convert(path: Path, *, max_pixels: int = MAX_PIXELS, seconds: float = 20) -> bytes:
    with path.open("rb") as file:
        file.read(7)  # whoever had it before has read in it
        return jpeg_conversion.convert(file, max_pixels=max_pixels, seconds=seconds)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo"
    path.write_bytes(encoded(scene(), "HEIF", orientation=6))
    return path


def test_a_process_of_its_own_converts(photo: Path) -> None:
    assert quarters(Image.open(io.BytesIO(convert(photo)))) == AS_SEEN


def test_its_refusal_comes_back_as_what_it_was(photo: Path) -> None:
    with pytest.raises(picture_headers.TooLargePictureError, match="at most 0\\.01 megapixels"):
        convert(photo, max_pixels=10_000)


def test_it_knows_no_credentials(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    run = subprocess.run

    def listening(*arguments: Any, **options: Any) -> Any:
        given.update(options["env"])
        return run(*arguments, **options)

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr(subprocess, "run", listening)
    convert(photo)
    assert given.keys() <= {*jpeg_conversion.KEPT_VARIABLES, "PYTHONPATH"}


DECODERS = {
    "a crash": f"import os; os.kill(os.getpid(), {signal.SIGSEGV.value})",
    "an endless loop": "import resource as r; r.setrlimit(r.RLIMIT_CPU, (1, 9))\nwhile True: pass",
    "too much memory": f"bytearray({2 * conversion_process.MEMORY_BYTES})",
}


def decoder(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the other process meet `code` where it loads the pixels."""
    lines = "\n    ".join(code.splitlines())
    (tmp_path / "sitecustomize.py").write_text(
        f"def load(self):\n    {lines}\nfrom PIL import ImageFile\nImageFile.ImageFile.load = load\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("a crash", picture_headers.DamagedPictureError),
        ("an endless loop", picture_headers.TooLargePictureError),
        ("too much memory", picture_headers.TooLargePictureError),
    ],
)
def test_a_decoder_gone_astray_fails_alone(
    code: str, error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder(DECODERS[code], tmp_path, monkeypatch)
    (tmp_path / "photo").write_bytes(encoded(scene(), "BMP"))
    with pytest.raises(error):
        convert(tmp_path / "photo")


def test_a_process_that_is_ended_from_outside_is_no_fault_of_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder(f"import os; os.kill(os.getpid(), {signal.SIGTERM.value})", tmp_path, monkeypatch)
    (tmp_path / "photo").write_bytes(encoded(scene(), "BMP"))
    with pytest.raises(RuntimeError, match="SIGTERM"):
        convert(tmp_path / "photo")


def test_neither_is_a_lack_of_time(photo: Path) -> None:
    with pytest.raises(jpeg_conversion.ConversionTimeoutError):
        convert(photo, seconds=0.01)

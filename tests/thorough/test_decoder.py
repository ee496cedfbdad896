"""The decoder service: every end of a decoder is an answer, and a decoder has no access to our data."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from PIL import Image

from common.imaging import decoder, pictures
from common.imaging.decoder import Decoder
from tests.picture_files import encoded, quarters, scene

MAX_PIXELS = 60_000_000
AS_SEEN = ["red", "grey", "grey", "blue"]
BODY = encoded(scene(), "BMP")

Make = Callable[..., Decoder]


def with_load(code: str) -> str:
    """Return the beginning of a program in which decoders run this code."""
    lines = "\n    ".join(code.splitlines())
    return f"from PIL import ImageFile\ndef load(self):\n    {lines}\nImageFile.ImageFile.load = load\n" if code else ""


def service_of(ours: Decoder) -> psutil.Process:
    return psutil.Process(ours.pid)


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Make a decoder; `code` runs in place of the loading of pixels."""
    made: list[Decoder] = []

    def maker(code: str = "") -> Decoder:
        monkeypatch.setattr(decoder, "PROGRAM", with_load(code) + decoder.PROGRAM)
        made.append(Decoder())
        return made[-1]

    yield maker
    for each in made:
        each.stop()


def inspect(with_decoder: Decoder, body: bytes = BODY, *, seconds: float = 20) -> pictures.Picture:
    return with_decoder.inspect(io.BytesIO(body), max_pixels=MAX_PIXELS, seconds=seconds)


def test_one_service_inspects_and_converts_many_pictures(make: Make) -> None:
    ours, services = make(), set()
    for kind in ("BMP", "HEIF", "JPEG"):
        file = io.BytesIO(encoded(scene(), kind, orientation=None if kind == "BMP" else 6))
        file.read(7)  # the caller has read from the file before
        assert ours.inspect(file, max_pixels=MAX_PIXELS, seconds=20).format == kind
        jpeg = ours.convert(file, max_pixels=MAX_PIXELS, seconds=20)
        assert quarters(Image.open(io.BytesIO(jpeg))) == AS_SEEN
        services.add(service_of(ours).pid)
    assert len(services) == 1


@pytest.mark.parametrize("format", ["WEBP", "AVIF", "HEIF", "GIF", "TIFF", "BMP", "PNG", "JPEG"])
def test_a_picture_of_twelve_megapixels_is_taken_in_every_format(make: Make, format: str) -> None:
    """The memory for a header does not limit the pixels."""
    file, ours = io.BytesIO(encoded(scene((4_000, 3_000)), format)), make()
    assert ours.inspect(file, max_pixels=MAX_PIXELS, seconds=60).width == 4_000
    assert quarters(Image.open(io.BytesIO(ours.convert(file, max_pixels=MAX_PIXELS, seconds=60)))) == AS_SEEN


def test_a_refusal_keeps_its_type_and_reason(make: Make) -> None:
    with pytest.raises(pictures.TooLargePictureError, match="at most 0\\.01 megapixels"):
        make().convert(io.BytesIO(BODY), max_pixels=10_000, seconds=20)


def test_importing_the_decoder_starts_nothing_and_loads_no_pillow() -> None:
    code = "import sys, common.imaging.decoder; sys.exit('PIL' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


KILL = """
import os, signal
if {0} != signal.SIGKILL: signal.signal({0}, signal.SIG_DFL)  # shells ignore some signals in background jobs
os.kill(os.getpid(), {0})
""".strip()


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        (KILL.format(signal.SIGSEGV.value), pictures.DamagedPictureError, "SIGSEGV"),
        (KILL.format(signal.SIGABRT.value), pictures.DamagedPictureError, "SIGABRT"),
        ("while True: pass", pictures.TooLargePictureError, "too much time"),
        (f"bytearray({2 * 1280 * 1024 * 1024})", pictures.TooLargePictureError, "too much memory"),
        ("raise KeyError('mode')", pictures.DamagedPictureError, "damaged or truncated"),
        ("raise AssertionError('unforeseen')", pictures.DecoderFailedError, "AssertionError: unforeseen"),
        ("import os\nos._exit(7)", pictures.DecoderFailedError, "without an answer"),
        ("import sys\nsys.exit(7)", pictures.DecoderFailedError, "without an answer"),
    ],
    ids=["crash", "abort", "endless loop", "too much memory", "damage", "bug", "exit", "SystemExit"],
)
def test_every_end_of_a_decoder_is_an_answer(make: Make, code: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        inspect(make(code))


@pytest.mark.parametrize("number", sorted(decoder.SIGNALS_FROM_OUTSIDE))
def test_a_signal_from_outside_is_no_fault_of_the_picture(make: Make, number: int) -> None:
    with pytest.raises(decoder.DecoderStoppedError, match=signal.Signals(number).name):
        inspect(make(KILL.format(number)))


def test_a_lack_of_time_is_no_fault_of_the_picture(make: Make) -> None:
    ours = make("import time\ntime.sleep(60)")
    started = time.monotonic()
    with pytest.raises(decoder.DecoderTimeoutError):
        inspect(ours, seconds=0.5)
    assert time.monotonic() - started < 50
    assert service_of(ours).children() == []


def test_noise_on_the_standard_files_does_not_disturb_the_answer(make: Make) -> None:
    noise = "import os\nfor file in (1, 2): os.write(file, b'TIFFReadDirectory: Warning, ...' * 10_000)"
    ours = make(f"{noise}\nreturn None")
    assert inspect(ours).format == "BMP"
    assert inspect(ours).format == "BMP"


LOOK = """
import os, socket
seen = []
try: open('/etc/hosts')
except OSError: seen.append('no files')
try: socket.socket()
except OSError: seen.append('no sockets')
os.close(0)
try: os.open('/etc/hosts', os.O_RDONLY)
except OSError: seen.append('none in place of others')
if not os.environ: seen.append('no environment')
if not [n for n in range(1024) if n > 2 and is_open(n)][1:]: seen.append('one pipe')
raise AssertionError(seen)
""".strip()
IS_OPEN = """
def is_open(number):
    import os
    try: os.fstat(number)
    except OSError: return False
    return True
"""


def test_a_decoder_has_no_files_sockets_or_environment_of_ours(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr(decoder, "PROGRAM", f"import socket\n{IS_OPEN}\n" + decoder.PROGRAM)
    ours = make(LOOK)
    with pytest.raises(pictures.DecoderFailedError) as caught:
        inspect(ours)
    seen = ["no files", "no sockets", "none in place of others", "no environment", "one pipe"]
    assert str(seen) in str(caught.value)
    assert service_of(ours).environ().keys() <= {*decoder.KEPT_VARIABLES, "PYTHONPATH"}


def test_a_service_that_dies_is_started_again(make: Make) -> None:
    ours = make()
    inspect(ours)
    for _ in range(2):
        service_of(ours).kill()
        assert inspect(ours).format == "BMP"


def test_a_service_that_dies_at_the_same_picture_twice_is_no_verdict(make: Make) -> None:
    with pytest.raises(decoder.DecoderStoppedError, match="ended twice"):
        inspect(make("import os\nos.kill(os.getppid(), 9)\nimport time\ntime.sleep(9)"))


def test_threads_share_one_service_and_one_process_at_a_time(make: Make) -> None:
    ours = make("import time\ntime.sleep(0.05)\nreturn None")
    inspect(ours)
    most, is_done = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not is_done.wait(0.01):
            most = max(most, len(service_of(ours).children()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(inspect(ours).format)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    is_done.set()
    watcher.join()
    assert found == ["BMP"] * 8
    assert most <= 1  # a busy machine may let the watcher see none


def test_a_thread_waits_for_its_turn_no_longer_than_it_may(make: Make) -> None:
    ours = make("import time\ntime.sleep(60)")
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(inspect, ours, seconds=60)
        while not ours.pid or not (children := service_of(ours).children()):
            time.sleep(0.02)
        with pytest.raises(decoder.DecoderTimeoutError, match="other pictures"):
            inspect(ours, seconds=0.1)
        children[0].kill()
        with pytest.raises(decoder.DecoderStoppedError):
            busy.result()


@pytest.mark.parametrize("code", ["", "import time\ntime.sleep(60)"], ids=["idle", "busy"])
def test_the_service_ends_with_its_function(code: str, tmp_path: Path) -> None:
    """The service ends even if the function is killed while it waits for a picture."""
    photo = tmp_path / "photo"
    photo.write_bytes(BODY)
    program = f"""
import sys, time
from common.imaging import decoder
decoder.PROGRAM = {with_load(code)!r} + decoder.PROGRAM
decoder.inspect(open({str(photo)!r}, "rb"), max_pixels=10**6, seconds=60)
print("inspected", flush=True)
time.sleep(60)
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment) as function:
        assert function.stdout
        expected = 2 if code else 1
        if not code:
            function.stdout.readline()
        ended_by = time.monotonic() + 60
        while len(processes := psutil.Process(function.pid).children(recursive=True)) < expected:
            assert time.monotonic() < ended_by
            time.sleep(0.02)
        function.kill()
        _, alive = psutil.wait_procs(processes, timeout=60)
        assert not alive

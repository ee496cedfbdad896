"""Lists print names and ids whole: at 80 columns, and in a pipe with one line for each entry."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from cli import images, output
from cli.commands import deliveries

NAME = "holiday/" + "long " * 40 + "é.jpg"
EVENT_ID = "b6ae377b-3121-5668-8e6a-f41604c7f2d0"
LABELS = [f"Label number {number}" for number in range(10)]
IMAGE = {
    "image": NAME,
    "labels": LABELS,
    "status": "RECOGNIZED",
    "failure": None,
    "uploaded_at": "2026-11-20T09:30:00.123Z",
}
DELIVERY = {
    "event_id": EVENT_ID,
    "image": NAME,
    "event": "image.recognized",
    "receiver": "a-receiver-with-a-name-of-forty-letters-",
    "status": "WAITING",
    "attempts": 3,
    "last_attempt_at": "2026-11-20T09:30:00.123Z",
    "last_answer": "the receiver answered 503: " + "busy " * 40 + "at last",
}
Show = Callable[[list[dict[str, Any]]], None]


def printed(show: Show, entry: dict[str, Any], *, terminal: bool) -> str:
    """Print an entry as the commands do: their console leaves wrapping to the terminal."""
    file = io.StringIO()
    with pytest.MonkeyPatch.context() as patched:
        console = Console(file=file, width=80, force_terminal=terminal, soft_wrap=True, highlight=False)
        patched.setattr(output, "out", console)
        show([entry])
    return file.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize(
    ("show", "entry", "parts"),
    [
        (images.show_images, IMAGE, [NAME, "RECOGNIZED", *LABELS]),
        (images.show_images, {**IMAGE, "confidence": 98.76}, [NAME, "98.8 %", *LABELS]),
        (deliveries.show, DELIVERY, [NAME, EVENT_ID, DELIVERY["receiver"], "WAITING", DELIVERY["last_answer"]]),
    ],
)
def test_nothing_is_cut_off(show: Show, entry: dict[str, Any], parts: list[str], terminal: bool) -> None:
    text = printed(show, entry, terminal=terminal)
    for part in parts:
        assert part in text
    assert not set("…│─┃━") & set(text)
    assert terminal or text.count("\n") == 1


def test_in_a_pipe_the_fields_have_tabs_between_them() -> None:
    fields = printed(deliveries.show, DELIVERY, terminal=False).rstrip("\n").split("\t")
    assert fields[:6] == [EVENT_ID, NAME, "image.recognized", DELIVERY["receiver"], "WAITING", "3"]


def test_a_name_cannot_break_its_line_or_style_it() -> None:
    odd = {**IMAGE, "image": "[red]a\tb\nc\u202e"}
    shown = "[red]a<U+0009>b<U+000A>c<U+202E>"
    assert printed(images.show_images, odd, terminal=False).startswith(f"{shown}\tRECOGNIZED\t")
    assert shown in printed(images.show_images, odd, terminal=True)


def test_a_failed_image_is_listed_with_its_reason() -> None:
    failed = {**IMAGE, "status": "FAILED", "labels": [], "failure": {"code": "ImageTooSmall", "message": "too small"}}
    assert "FAILED\t2026-11-20 09:30\tImageTooSmall: too small" in printed(images.show_images, failed, terminal=False)


def test_a_delivery_that_was_never_tried_says_so() -> None:
    waiting = {**DELIVERY, "attempts": 0, "last_attempt_at": None, "last_answer": None}
    assert "WAITING: not tried yet" in printed(deliveries.show, waiting, terminal=True)
    assert printed(deliveries.show, waiting, terminal=False).endswith("WAITING\t0\t\t\n")

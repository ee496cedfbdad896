from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.runtime.uploads import image_names
from api.runtime.uploads.image_names import ImageNameError


@pytest.mark.parametrize(
    "name", ["img-01.jpg", "holiday/img 1+2 100%.jpg", "ünï/日本.png", "a" * 1024, "..jpg", ".hidden"]
)
def test_names_with_blanks_signs_and_any_script_are_taken_as_they_are(name: str) -> None:
    assert image_names.check(name) == name


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("", "is empty"),
        ("a" * 1025, "1,025 bytes"),
        ("ü" * 513, "1,026 bytes"),
        ("a\nb", "control character"),
        (" a", "begins with a blank"),
        ("a\u2028b", "control character"),
        ("a\uffffb", "control character"),
        ("a\ud800b", "control character"),
        ("a\x00b", "control character"),
        ("../secret", "'..' part"),
        ("a/./b", "'.' or"),
        ("/a", "empty"),
        ("a//b", "empty"),
        ("a/", "empty"),
    ],
)
def test_a_name_that_s3_or_a_url_would_misread_is_refused(name: str, complaint: str) -> None:
    with pytest.raises(ImageNameError, match=complaint):
        image_names.check(name)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://host/61IxvVh3M8L.jpg", "61IxvVh3M8L.jpg"),
        ("https://host/a/b/red%20flower%2B.jpg?size=1#top", "red flower+.jpg"),
        ("https://host/100%25.jpg", "100%.jpg"),
    ],
)
def test_the_name_comes_from_the_urls_path(url: str, name: str) -> None:
    assert image_names.from_url(url) == name


@pytest.mark.parametrize("url", ["https://host", "https://host/", "https://host/?name=x", "https://host/%2e%2e"])
def test_a_url_without_a_file_name_gives_none(url: str) -> None:
    with pytest.raises(ImageNameError):
        image_names.from_url(url)


@given(st.text(min_size=1).filter(lambda name: "/" not in name))
def test_whatever_is_taken_from_a_url_is_a_name_that_can_be_checked_again(name: str) -> None:
    url = "https://host/" + quote(name, safe="", errors="replace")
    try:
        taken = image_names.from_url(url)
    except ImageNameError:
        return
    assert image_names.check(taken) == taken

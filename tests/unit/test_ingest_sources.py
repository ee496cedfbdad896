"""The files, folders and URLs that `sightline ingest` finds."""

import os
from pathlib import Path
from typing import Any

import pytest

from cli.ingest.sources import Address, Result, find_sources, without_duplicates


def found(*arguments: Path | str, prefix: str = "") -> tuple[list[str], dict[str, str]]:
    """Return the names that are taken, and the reason for each file that is left out."""
    entries = list(without_duplicates(find_sources(map(str, arguments), prefix)))
    taken = [entry.name for entry in entries if not isinstance(entry, Result)]
    return taken, {entry.source: entry.reason for entry in entries if isinstance(entry, Result)}


def test_a_folders_files_are_named_as_in_there_and_the_rest_has_a_reason(tmp_path: Path) -> None:
    for name in ("b.jpg", "a/c.jpg", "a/.hidden.jpg", ".git/d.jpg", "__MACOSX/e.jpg", "a/@eaDir/f.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "link.jpg").symlink_to(tmp_path / "b.jpg")
    taken, left = found(tmp_path, prefix="x/")
    assert taken == ["x/b.jpg", "x/link.jpg", "x/a/c.jpg"]
    assert left == {
        f"{tmp_path}/.git": "a hidden folder",
        f"{tmp_path}/__MACOSX": "a folder of metadata of macOS",
        f"{tmp_path}/a/@eaDir": "a folder of metadata of a Synology NAS",
        f"{tmp_path}/loop": "a link to a folder; to ingest it, name the link itself",
        f"{tmp_path}/a/.hidden.jpg": "hidden",
    }


def test_hidden_files_and_links_are_taken_if_they_are_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.jpg").touch()
    (tmp_path / ".hidden.jpg").touch()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nowhere.jpg").symlink_to("none")
    assert found("~/.hidden.jpg", "link", "./real/a.jpg", "nowhere.jpg")[0] == [".hidden.jpg", "a.jpg", "nowhere.jpg"]
    url = "https://example.com/dir/a b%2Fc.jpg?size=1"
    assert list(find_sources([url], "x/")) == [Address("https://example.com/dir/a%20b%2Fc.jpg?size=1", "x/a b/c.jpg")]


@pytest.mark.parametrize("argument", ["none", "*.jpg", "", "~nobody-of-this-name/a.jpg"])
def test_a_missing_file_is_named(argument: str) -> None:
    with pytest.raises(FileNotFoundError):
        list(find_sources([argument], ""))


def test_an_unreadable_folder_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "locked").mkdir()
    (tmp_path / "a.jpg").touch()
    scandir = os.scandir

    def refused(path: Any) -> Any:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    assert found(tmp_path) == (["a.jpg"], {f"{tmp_path}/locked": "Permission denied"})


def test_of_two_files_of_one_name_the_second_is_refused(tmp_path: Path) -> None:
    """If both were sent, the last one would win without a message."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.jpg").touch()
    taken, left = found(tmp_path / "one", tmp_path / "two" / "a.jpg", tmp_path / "one" / "a.jpg")
    assert taken == ["a.jpg"]
    assert list(left) == [f"{tmp_path}/two/a.jpg"]
    assert f"{tmp_path}/one/a.jpg would have the same name" in left[f"{tmp_path}/two/a.jpg"]

"""Each function's package holds what its handler needs, and nothing else."""

from pathlib import Path

import pytest

from common.infrastructure import function_package
from common.infrastructure.function_package import PackageError, package_files
from tests.conftest import ROOT

HANDLERS = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in ROOT.glob("*/runtime/*.py")
    if "\ndef handler(" in path.read_text()
)


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_package_holds_only_its_own_stack(handler: str) -> None:
    stack = handler.partition(".")[0]
    files = package_files(handler)
    assert files[0] == Path(stack, "__init__.py")
    assert all(file.is_relative_to(Path(stack, "runtime")) for file in files[1:])


def test_a_package_is_what_its_handler_imports() -> None:
    assert [str(file) for file in package_files("integration.runtime.send_email")] == SEND_EMAIL
    listed = [file.name for file in package_files("recognition.runtime.list_images")]
    assert "list_images.openapi.json" in listed
    assert not {"make_renditions.py", "recognize_images.py", "index_writer.py"} & set(listed)


SEND_EMAIL = [
    "integration/__init__.py",
    "integration/runtime/emails/email_text.py",
    "integration/runtime/send_email.py",
]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("from recognition.runtime import usage", "recognition.runtime.usage"),
        ("from cli.main import app", "cli.main"),
        ("def later():\n    import local.cloud", "local.cloud"),
    ],
)
def test_a_package_refuses_what_runs_elsewhere(
    text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in {
        "api/runtime/handle.py": text,
        "recognition/runtime/usage.py": "",
        "cli/main.py": "",
        "local/cloud.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(function_package, "ROOT", tmp_path)
    with pytest.raises(PackageError, match=f"api.runtime.handle imports {message}"):
        package_files("api.runtime.handle")

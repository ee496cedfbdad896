"""The functions run the boto3 that the tests run: the layer's, which knows every call that they make."""

import ast
import re
from collections.abc import Collection, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.loaders import Loader

from common.infrastructure.layers import RUNTIME, SERVICES, build_python_layer
from common.settings import Settings
from tests.conftest import ROOT

MODULES = sorted(ROOT.glob("*/runtime/**/*.py"))


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    """Return the models of all services in the layer's botocore."""
    data = build_python_layer(RUNTIME, Settings()) / "python/botocore/data"
    loader = Loader(extra_search_paths=[str(data)], include_default_search_paths=False)
    assert set(loader.list_available_services("service-2")) == set(SERVICES)
    return {service: loader.load_service_model(service, "service-2") for service in SERVICES}


def parameters(models: dict[str, Any]) -> dict[str, set[str]]:
    """Return the parameters of each client method."""
    found: dict[str, set[str]] = {}
    for model in models.values():
        for operation, described in model["operations"].items():
            members = model["shapes"][described["input"]["shape"]]["members"] if "input" in described else {}
            found.setdefault(xform_name(operation), set()).update(members)
    return found


OTHERS = {"generate_presigned_post", "generate_presigned_url", "paginate"}
"""Methods of boto3's own that take keywords in capitals."""
PASSED_ON = {"_pages": "query", "put": "put_object", "call": "detect_text"}
"""Our own functions that pass keywords on. `call` makes the call of any ability. It is checked as DetectText here;
tests/unit/test_abilities.py checks the other operations."""


def calls(module: Path, known: Collection[str]) -> Iterator[tuple[str, set[str]]]:
    """Yield each call of AWS in a module: its method (itself, or an argument), and its CamelCase keywords."""
    for call in (node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Call)):
        names = {keyword.arg for keyword in call.keywords if keyword.arg and keyword.arg[0].isupper()}
        methods = [ast.unparse(each).rpartition(".")[2] for each in (call.func, *call.args)]
        methods = [PASSED_ON.get(method, method) for method in methods]
        if names and not OTHERS & set(methods):
            yield next((method for method in methods if method in known), str(methods)), names


def test_the_layer_has_the_boto3_of_the_tests() -> None:
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)$", (RUNTIME / "requirements.txt").read_text(), re.MULTILINE))
    for package in ("boto3", "botocore", "s3transfer"):
        assert pinned[package] == version(package)


def test_the_layer_describes_the_services_that_functions_call_and_no_others() -> None:
    called = {name for module in MODULES for name in re.findall(r'\bclient\("([\w-]+)"', module.read_text())}
    assert called == set(SERVICES)


def test_the_layers_boto3_takes_every_parameter_that_functions_pass(models: dict[str, Any]) -> None:
    """Lambda's own may be older: a condition that it does not know would fail each line of a manifest."""
    known = parameters(models)
    passed = [(module.stem, method, names) for module in MODULES for method, names in calls(module, known)]
    wrong = [
        (where, method, unknown) for where, method, names in passed if (unknown := names - known.get(method, set()))
    ]
    assert wrong == []
    assert ("s3_copies", "copy_object") in {(where, method) for where, method, _ in passed}
    assert "IfNoneMatch" in known["copy_object"]
    assert len(passed) > 30

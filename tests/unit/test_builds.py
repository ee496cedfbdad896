"""Builds of Lambda assets that fail."""

import pytest

from common.infrastructure.builds import BuildError, run_build_command


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        ("error: Failed to fetch: https://x/\n  cause: client error (Connect)\n  cause: no route", "no route"),
        ("error: no wheels\nmore", "error: no wheels"),
        ("", "the command printed nothing"),
    ],
)
def test_the_first_line_of_a_failed_build_has_the_reason_and_the_rest_all_output(printed: str, reason: str) -> None:
    with pytest.raises(BuildError) as failed:
        run_build_command(["bash", "-c", 'printf "%s" "$0" >&2; exit 1', printed], target="the layer x")
    assert str(failed.value) == f"the layer x could not be built: {reason}\n{printed}"

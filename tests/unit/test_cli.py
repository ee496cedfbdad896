import shlex

from cli.main import curl_lines, exports
from cli.target import Target, TargetName


def test_exports_survive_the_shell_whatever_is_in_them() -> None:
    target = Target(
        TargetName.AWS,
        upload="https://a/prod",
        labels="https://b/prod",
        deliveries="https://c/prod",
        api_key="it's $HOME; `id`",
    )
    words = [word for line in exports(target) for word in shlex.split(line) if word != "export"]
    assert words == [
        "UPLOAD_URL=https://a/prod",
        "LABELS_URL=https://b/prod",
        "DELIVERIES_URL=https://c/prod",
        "API_KEY=it's $HOME; `id`",
    ]


def test_the_curl_lines_name_the_target_that_was_found() -> None:
    target = Target(
        TargetName.LOCAL, upload="u", labels="l", deliveries="d", api_key="k", photo="http://127.0.0.1:1/a.jpg"
    )
    lines = curl_lines(target)
    assert "--target local" in lines[0]
    assert "url=http://127.0.0.1:1/a.jpg" in lines[1]

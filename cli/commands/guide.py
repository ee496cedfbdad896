"""`sightline guide`: shows the next steps with a running system."""

from cli.options import TargetOption, open_target
from cli.output import out
from cli.target import Target, TargetName


def command(target: TargetOption = None) -> None:
    """Show addresses, first calls, cost and teardown."""
    found = open_target(target)
    _show_facts(_addresses(found))
    out.print("\nNext steps:")
    for line in curl_lines(found):
        out.print(f"  {line}", markup=False)
    out.print()
    _show_facts(_cost_and_teardown(found))


def curl_lines(target: Target) -> list[str]:
    """Return the first calls, as shell commands."""
    photo = "$PHOTO_URL" if target.photo_url else "https://…"
    lines = [
        f'eval "$(.venv/bin/sightline env --target {target.name})"',
        f'curl -G -H "x-api-key: $API_KEY" "$UPLOAD_URL" -d name=img-01.jpg --data-urlencode "url={photo}"',
        'curl -H "x-api-key: $API_KEY" "$LABELS_URL"',
        'curl -H "x-api-key: $API_KEY" "$LABELS_URL/images/img-01.jpg"',
    ]
    return lines if target.api_key else [line.replace('-H "x-api-key: $API_KEY" ', "") for line in lines]


def _addresses(target: Target) -> dict[str, str]:
    facts = {"Upload API": target.upload_url, "Labels API": target.labels_url, "Deliveries": target.deliveries_url}
    if target.gallery_url:
        facts["Gallery"] = target.gallery_url
    with_key = f"`.venv/bin/sightline key --target {target.name}` prints the key"
    return facts | {"API key": with_key if target.api_key else "not needed; see `auth` in docs/settings.md"}


def _cost_and_teardown(target: Target) -> dict[str, str]:
    if target.name is TargetName.LOCAL:
        return {"Cost": "nothing: everything runs on this machine", "Teardown": "make local-down (keeps the state)"}
    from common.settings import Settings

    parameter = Settings(deployment=target.deployment).thirdparty_parameter
    return {
        "Cost": "mostly Rekognition: $1 per 1,000 images; `.venv/bin/sightline cost` shows the rest",
        "Third party": f"the SSM parameter {parameter} holds its address; docs/events.md shows how to set the address",
        "Check": "`.venv/bin/sightline doctor` checks every part, and whether e-mail addresses are confirmed",
        "Teardown": "make destroy (buckets, tables and logs stay; docs/upgrade.md shows how to remove them)",
    }


def _show_facts(facts: dict[str, str]) -> None:
    for name, fact in facts.items():
        out.print(f"{name:12}{fact}", markup=False)

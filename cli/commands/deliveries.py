"""`sightline deliveries`: lists deliveries to receivers."""

from typing import Annotated, Any

import typer

from cli.lists import print_list
from cli.options import JsonOption, LimitOption, TargetOption, open_target
from cli.output import minute, plural, show_entry

NEVER_TRIED = "not tried yet, because the receiver is down or asked for a pause"


def command(
    image: Annotated[str | None, typer.Option(help="Only deliveries about this image.")] = None,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """Show deliveries to receivers, newest first. Each has its state and the receiver's last answer."""
    found = open_target(target)
    print_list(
        found,
        f"{found.deliveries_url}/deliveries",
        {"image": image},
        limit=limit,
        as_json=as_json,
        show=show,
        nothing="no deliveries in the last 30 days",
    )


def show(found: list[dict[str, Any]]) -> None:
    """Print deliveries."""
    for entry in found:
        attempts, last, answer = entry["attempts"], entry["last_attempt_at"] or "", entry["last_answer"] or ""
        tried = f"{plural(attempts, 'attempt')}, the last at {minute(last)}: {answer}" if attempts else NEVER_TRIED
        subject = [entry["image"], entry["event"], entry["receiver"]]
        show_entry(
            [entry["event_id"], *subject, entry["status"], str(attempts), last, answer],
            entry["image"],
            f"{entry['event']} to {entry['receiver']}",
            f"{entry['status']}: {tried}",
            entry["event_id"],
        )

"""`sightline replay`: delivers an event again."""

import json
from typing import Annotated
from urllib.parse import quote

import typer

from cli.api_client import CallError, call
from cli.options import JsonOption, TargetOption, open_target
from cli.output import failing_on, out


def command(
    event_id: Annotated[str, typer.Argument(help="The event's id, as `sightline deliveries` shows it.")],
    receiver: Annotated[
        str | None, typer.Option(help="Only to this receiver. Default: every receiver that it was delivered to.")
    ] = None,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """Deliver an event again. The document and its id stay the same."""
    with failing_on(CallError):
        found = open_target(target)
        url = f"{found.deliveries_url}/deliveries/{quote(event_id, safe='')}/replay"
        answer = call(found, "POST", url, query={"receiver": receiver}).json()
    text = json.dumps(answer) if as_json else f"{event_id} will be delivered again to {', '.join(answer['receivers'])}"
    out.print(text, markup=False, emoji=False)

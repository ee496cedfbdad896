"""`sightline delete`: deletes images by their names."""

from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.markup import escape

from cli.api_client import CallError, call
from cli.options import JsonOption, TargetOption, open_target
from cli.output import out, plural
from cli.target import Target, TargetName
from common.runtime.visible_text import visible


def command(
    names: Annotated[list[str], typer.Argument(help="The images' names, as `sightline list` shows them.")],
    yes: Annotated[bool, typer.Option("--yes", help="Delete on AWS without asking.")] = False,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """Delete images. The pictures disappear at once. Their labels and results disappear within seconds."""
    found = open_target(target)
    if found.name is TargetName.AWS and not yes:
        typer.confirm(f"Delete {plural(len(names), 'image')} ({found.description})?", abort=True, err=True)
    results = [_delete(found, name) for name in names]
    if as_json:
        out.print_json(data=results)
    else:
        for result in results:
            mark = "[green]✓[/green]" if result["deleted"] else "[red]✗[/red]"
            out.print(mark, escape(visible(f"{result['image']}: {result['message']}")), emoji=False)
    if not all(result["deleted"] for result in results):
        raise typer.Exit(1)


def _delete(target: Target, name: str) -> dict[str, Any]:
    try:
        return {**call(target, "DELETE", image_url(target, name)).json(), "deleted": True}
    except CallError as error:
        return {"image": name, "message": str(error), "deleted": False}


def image_url(target: Target, name: str) -> str:
    """Return the URL of an image in the List Images Service."""
    # HTTP clients resolve the parts "", "." and ".." like folders, which would name another image.
    odd = {"", ".", ".."} & set(name.split("/"))
    return f"{target.labels_url}/images/{quote(name, safe='' if odd else '/')}"

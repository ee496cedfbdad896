"""How commands print what they found: nothing is cut off, and in a pipe each entry is one line, for grep and cut."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape


def show_entry(out: Console, fields: Sequence[str], title: str, *details: str) -> None:
    """Print an entry: on a terminal its title and indented details, in a pipe its fields with tabs between them.

    A terminal wraps long lines itself, and then copies them whole.
    """
    if not out.is_terminal:
        out.file.write("\t".join(map(printable, fields)) + "\n")  # print would make spaces of tabs
        return
    out.print(f"[bold]{escape(printable(title))}[/bold]", emoji=False)
    for detail in details:
        out.print(f"  {printable(detail)}", markup=False, emoji=False)


def printable(text: str) -> str:
    """Return the text as a terminal may show it: no control characters, no turned writing direction."""
    return "".join(character if character.isprintable() else " " for character in text)


def moment(time: str) -> str:
    """Return a time of the APIs to the minute."""
    return time[:16].replace("T", " ")

"""Text on a terminal: what a name holds is shown, and never obeyed."""

import typer


def printable(text: str) -> str:
    r"""Write a character that would move the cursor, change the colour or turn the direction of writing as Python does.

    Example:
        >>> print(printable("KO\x1b[31m\u202e red"))
        KO\x1b[31m\u202e red
    """
    return "".join(letter if letter.isprintable() or letter == "\n" else repr(letter)[1:-1] for letter in text)


def say(text: object, *, err: bool = False) -> None:
    """Print a line, on standard error if asked."""
    typer.echo(printable(str(text)), err=err)

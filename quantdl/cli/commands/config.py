"""Configs: what one says in full, and the schema by which an editor completes and checks them."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from quantdl.cli.commands.arguments import ConfigPath
from quantdl.cli.printing import print_json
from quantdl.errors import ConfigError

Kind = Annotated[Literal["run", "risk"], typer.Option("--kind", help="Of a run, or of the risk of a book.")]


def config_schema(
    kind: Kind = "run",
    output: Annotated[
        Path | None, typer.Option("--output", help="File to write instead of printing; must not exist.")
    ] = None,
) -> None:
    """Print the JSON Schema of a config, by which an editor completes and checks it.

    Write it beside your configs, and begin each of them with the line `# yaml-language-server: $schema=FILE`.
    """
    from quantdl.config.json_schema import risk_schema, run_schema

    schema = risk_schema() if kind == "risk" else run_schema()
    if output is None:
        print_json(schema)
        return
    from quantdl.disk import disk_errors, make_folder
    from quantdl.records import json_text

    if output.exists():
        raise ConfigError(f"{output}: exists already, and nothing is overwritten. Remove it, or name another file.")
    with disk_errors(output, place="another file with --output"):
        make_folder(output.parent)
        with output.open("x", encoding="utf-8") as file:
            file.write(json_text(schema, output.name))
    typer.echo(output)


def config_show(
    config: ConfigPath,
    kind: Kind = "run",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of YAML.")] = False,
) -> None:
    """Print a config in full: what it extends merged, and everything that it leaves out filled in.

    Paths are relative to the folder of CONFIG. What is printed is a config itself and says the same.
    """
    from quantdl.config import load_config, load_risk_config
    from quantdl.config.resolved import resolved, resolved_yaml

    loaded = load_risk_config(config) if kind == "risk" else load_config(config)
    if as_json:
        print_json(resolved(loaded))
    else:
        typer.echo(resolved_yaml(loaded), nl=False)

"""`tocsin schema`: the JSON Schema by which editors complete and underline rule files; the API's OpenAPI document."""

from __future__ import annotations

import json
from pathlib import Path

import click

from streams.commands.siting import site_options, site_or_stop


@click.command()
@click.argument("which", type=click.Choice(["rules", "tests", "api"]), default="rules")
@site_options
@click.pass_context
def command(context: click.Context, which: str, settings_path: Path | None, topology: Path | None) -> None:
    r"""Write the JSON Schema of rule files, or of files of tests; or the OpenAPI document of a worker's API.

    It knows the streams and places of your own that the settings declare. Editors with a YAML language server find it
    by a first line: # yaml-language-server: $schema=schema.json

    \b
    tocsin schema > rules/schema.json
    tocsin schema tests > rules/tests.schema.json
    tocsin schema api > docs/openapi.json
    """
    if which == "api":
        from streams.api.catalogue import CATALOGUE
        from streams.api.document import document

        click.echo(json.dumps(document(CATALOGUE), ensure_ascii=False, indent=1))
        return
    from detectors.schema import schema_of_rules, schema_of_tests

    streams = site_or_stop(context, "tocsin schema", settings_path, topology).streams
    schema = schema_of_rules(streams) if which == "rules" else schema_of_tests(streams)
    click.echo(json.dumps(schema, ensure_ascii=False, indent=1))

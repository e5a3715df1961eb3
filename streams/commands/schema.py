"""`tocsin schema`: the JSON Schema by which editors complete and underline rule files."""

from __future__ import annotations

import json

import click


@click.command()
@click.argument("which", type=click.Choice(["rules", "tests"]), default="rules")
def command(which: str) -> None:
    r"""Write the JSON Schema of rule files, or of files of tests.

    Editors with a YAML language server find it by a first line: # yaml-language-server: $schema=schema.json

    \b
    tocsin schema > rules/schema.json
    tocsin schema tests > rules/tests.schema.json
    """
    from detectors.schema import schema_of_rules, schema_of_tests

    schema = schema_of_rules() if which == "rules" else schema_of_tests()
    click.echo(json.dumps(schema, ensure_ascii=False, indent=1))

"""`longshore convert`: other platforms' files in, WebApps and BatchJobs out, and an account of every field."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from ruamel.yaml.resolver import implicit_resolvers
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from longshore.api.files import to_yaml
from longshore.cli.connection import fail
from longshore.convert.draft import Options
from longshore.convert.loading import Unreadable, documents
from longshore.convert.reader import Outcome
from longshore.convert.report import report
from longshore.convert.sources import SOURCES, NotRecognised
from longshore.convert.sources import convert as converted

LEFT_SOMETHING = 3


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--from",
    "source",
    type=click.Choice([each.name for each in SOURCES]),
    help="What the files are. Default: told by what is in them.",
)
@click.option("--name", help="Name of the object, where there is one. Default: the source's.")
@click.option("--image", help="Image for what the source builds itself and so names none.")
@click.option(
    "--strict", is_flag=True, help="Exit with 3 also if something was carried over with a difference."
)
@click.option("--quiet", is_flag=True, help="Don't list the fields that need nothing.")
def convert(
    files: tuple[str, ...], source: str | None, name: str | None, image: str | None, strict: bool, quiet: bool
) -> None:
    """Write WebApps and BatchJobs for what FILEs describe; - is standard input.

    Reads apprunner.yaml and describe-service of App Runner, Copilot manifests, ECS task definitions and services,
    Dockerrun.aws.json, Kubernetes objects as helm template prints them, AWS Batch job definitions and Argo Workflows.
    What isn't carried over is listed on standard error with what to do about it. Exits with 3 if something was left.
    """
    try:
        texts = [(file, _read(file)) for file in files]
        titled = [
            (_title(file, number, each, len(files), len(found)), each)
            for file, found in texts
            for number, each in enumerate(found, 1)
        ]
        found = converted(titled, Options(name, image), source)
    except NotRecognised as error:
        fail(f"{error.document}: {error}")
    click.echo("---\n".join(to_yaml(_quoted(each)) for each in found.objects), nl=False)
    told = [each for each in found.entries if not quiet or each.outcome is not Outcome.NEEDLESS]
    for line in report(told):
        click.echo(line, err=True)
    counted = {Outcome.LEFT, Outcome.CHANGED} if strict else {Outcome.LEFT}
    sys.exit(LEFT_SOMETHING if any(each.outcome in counted for each in told) else 0)


def _read(file: str) -> list[Any]:
    """The documents of a file."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text()
        found = documents(text)
    except OSError as error:
        fail(f"{file}: {error.strerror or error}")
    except UnicodeDecodeError:
        fail(f"{file}: this is no text")
    except Unreadable as error:
        fail(f"{file}:{error.line}: {error}")
    if not found:
        fail(f"{file}: there is nothing in it")
    return found


def _title(file: str, number: int, document: Any, files: int, documents: int) -> str:
    """What a document is called in the account: as short as it can be told apart."""
    if documents == 1:
        return file
    called = f"document {number}"
    if isinstance(document, dict) and isinstance(document.get("metadata"), dict) and "kind" in document:
        called = f"{document['kind']} {document['metadata'].get('name', number)}"
    return called if files == 1 else f"{file}: {called}"


def _quoted(value: Any) -> Any:
    """Texts that some reader of YAML takes for something else get quotes, whatever version it reads."""
    if isinstance(value, dict):
        return {_quoted(key): _quoted(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_quoted(each) for each in value]
    if isinstance(value, str) and any(pattern.match(value) for _, _, pattern, _ in implicit_resolvers):
        return DoubleQuotedScalarString(value)
    return value

"""Writes the CustomResourceDefinitions as YAML, the way they are committed to crds/ and shipped in the chart."""

from __future__ import annotations

import io

from ruamel.yaml import YAML

from longshore.api import GROUP
from longshore.api.crd import KINDS, custom_resource_definition


def crd_files() -> dict[str, str]:
    """File name → YAML text, one file per kind."""
    return {f"{GROUP}_{kind.plural}.yaml": to_yaml(custom_resource_definition(kind)) for kind in KINDS}


def to_yaml(document: object) -> str:
    """A document as block-style YAML, in the order of its keys."""
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 4096
    yaml.representer.ignore_aliases = lambda _: True
    text = io.StringIO()
    yaml.dump(document, text)
    return text.getvalue()

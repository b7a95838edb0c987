"""python -m hack.manifests [--check]: writes everything that is generated from the code, or fails where it differs.

That is: crds/, the chart's copy of it, and the operator's settings in the chart's values.schema.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from longshore.api.files import crd_files
from longshore.runtime.settings import Settings
from pydantic.alias_generators import to_camel

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "charts" / "longshore"
VALUES_SCHEMA = CHART / "values.schema.json"
OF_THE_CHART = {"namespaces", "lease_namespace", "health_host", "health_port"}
"""Settings that the chart makes itself."""


def generated() -> dict[Path, str]:
    """Path → content of every generated file."""
    files = {folder / name: text for name, text in crd_files().items() for folder in _crd_folders()}
    return files | {VALUES_SCHEMA: _values_schema()}


def stray() -> list[Path]:
    """CRD files that nothing generates any more."""
    wanted = generated()
    return [file for folder in _crd_folders() for file in folder.glob("*.yaml") if file not in wanted]


def _crd_folders() -> tuple[Path, Path]:
    return ROOT / "crds", CHART / "files" / "crds"


def _values_schema() -> str:
    schema = json.loads(VALUES_SCHEMA.read_text())
    known = Settings.model_json_schema()["properties"]
    schema["properties"]["settings"]["properties"] = {
        to_camel(name): _setting(known[name]) for name in sorted(known.keys() - OF_THE_CHART)
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _setting(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in ("default", "title", "env_names")}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m hack.manifests", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    check = parser.parse_args().check
    differing = [
        path for path, text in generated().items() if not path.exists() or path.read_text() != text
    ] + stray()
    if check and differing:
        names = "\n  ".join(str(path.relative_to(ROOT)) for path in differing)
        raise SystemExit(f"not as generated, run make manifests:\n  {names}")
    if check:
        return
    for path, text in generated().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for path in stray():
        path.unlink()
    for path in differing:
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()

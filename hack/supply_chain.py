"""What the operator is made of, and whether it is known to be vulnerable.

`python -m hack.supply_chain sbom` writes dist/sbom.cdx.json (CycloneDX) from the locked requirements;
`python -m hack.supply_chain audit` asks for known vulnerabilities of them, and says so where it cannot ask.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKED = ROOT / "requirements" / "runtime.txt"
SBOM = ROOT / "dist" / "sbom.cdx.json"
ASK_SECONDS = 20
UNREACHABLE = ("ConnectionError", "ServiceError", "Max retries", "timed out", "Timeout", "resolve")


def sbom() -> Path:
    """Writes the bill of materials; the same lock file gives the same components."""
    SBOM.parent.mkdir(exist_ok=True)
    subprocess.run(
        [
            sys.executable, "-m", "cyclonedx_py", "requirements", str(LOCKED), "--pyproject",
            str(ROOT / "pyproject.toml"), "--output-reproducible", "--of", "JSON", "-o", str(SBOM),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return SBOM


def audit() -> int:
    """0 if nothing is known or nobody could be asked, 1 if something is known; prints which."""
    command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner=off"]
    try:
        done = subprocess.run(
            [*command, "--timeout=5", "-r", str(LOCKED)], capture_output=True, text=True, timeout=ASK_SECONDS
        )
    except subprocess.TimeoutExpired:
        print("audit: skipped, the vulnerability data cannot be reached")
        return 0
    if done.returncode == 0:
        print("audit: no known vulnerabilities")
        return 0
    if "known vulnerabilit" not in done.stderr + done.stdout and any(
        sign in done.stderr for sign in UNREACHABLE
    ):
        print("audit: skipped, the vulnerability data cannot be reached")
        return 0
    print(done.stdout + done.stderr)
    return 1


if __name__ == "__main__":
    if sys.argv[1:] == ["sbom"]:
        print(sbom())
    elif sys.argv[1:] == ["audit"]:
        sys.exit(audit())
    else:
        sys.exit(__doc__)

"""The operator as its own process, the way it runs in production, started and killed by tests."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from hack.cluster import audit
from hack.cluster.processes import start
from tests.apiserver.kube import Kube, wait


class OperatorProcess:
    """`longshore run` against an API server. Its requests are told in the audit log by its own User-Agent."""

    def __init__(
        self,
        kube: Kube,
        folder: Path,
        *,
        kubeconfig: Path | None = None,
        code: Path | None = None,
        **settings: str,
    ) -> None:
        """`kubeconfig` says as whom it comes, else as the administrator; `code` is a folder with another
        `longshore` package to run."""
        self._kube, self.log = kube, folder / f"operator-{os.urandom(3).hex()}.log"
        self._environment = os.environ | {
            **({"PYTHONPATH": str(code)} if code else {}),
            "KUBECONFIG": str(kubeconfig or kube.server.kubeconfig),
            "LONGSHORE_HEALTH_PORT": "0",
            "LONGSHORE_HEALTH_HOST": "127.0.0.1",
            "LONGSHORE_LEASE_DURATION_SECONDS": "3",
            "LONGSHORE_LEASE_RENEW_DEADLINE_SECONDS": "2",
            "LONGSHORE_LEASE_RETRY_SECONDS": "0.5",
            "LONGSHORE_BACKOFF_MAX_SECONDS": "5",
            **{f"LONGSHORE_{name.upper()}": value for name, value in settings.items()},
        }
        self._offset = 0
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> Self:
        self.log.unlink(missing_ok=True)
        self._offset = self._kube.server.audit_log.stat().st_size
        self.process = start([sys.executable, "-m", "longshore", "run"], self.log, self._environment)
        wait(
            lambda: self.readiness()[0] == 200,
            f"the operator's readiness; see {self.log}: {self.words()[-1500:]}",
        )
        return self

    def stop(self) -> int:
        """Asks it to end; returns its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(20)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def words(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def readiness(self) -> tuple[int, dict[str, object]]:
        """What /readyz answers; 0 while nothing does."""
        assert self.process is not None
        assert self.process.poll() is None, f"the operator ended: {self.words()[-3000:]}"
        try:
            with urllib.request.urlopen(self._url("readyz"), timeout=2) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, {}
        except (OSError, LookupError):
            return 0, {}

    def metrics(self) -> str:
        """What /metrics answers."""
        with urllib.request.urlopen(self._url("metrics"), timeout=5) as answer:
            return str(answer.read().decode())

    def _url(self, path: str) -> str:
        port = re.search(r"metrics on port (\d+)", self.words())
        if not port:
            raise LookupError("the port isn't known yet")
        return f"http://127.0.0.1:{port[1]}/{path}"

    def mark(self) -> None:
        """From here on `writes()` counts anew."""
        self._offset = self._kube.server.audit_log.stat().st_size

    def writes(self, namespace: str | None = None) -> list[str]:
        """What operators wrote since the mark, in one namespace or in all, Lease renewals aside:
        verb resource/subresource name."""
        found = audit.read(self._kube.server.audit_log, self._offset, "longshore/")
        return [
            f"{each.verb} {each.resource}{'/' + each.subresource if each.subresource else ''} {each.name}".strip()
            for each in found
            if each.writes and each.resource != "leases" and namespace in (None, each.namespace)
        ]

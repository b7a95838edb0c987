"""The fast tier: etcd, kube-apiserver and kube-controller-manager on 127.0.0.1, without nodes.

Ready in a few seconds, thrown away afterwards. RBAC is on; every request is in the audit log.
"""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from hack.cluster.build import FAST, binaries
from hack.cluster.certificates import Authority, new_key
from hack.cluster.processes import free_port, start, stop, wait_until

_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [{"level": "Metadata"}],
}


class ApiServer:
    """A cluster without nodes. Use it as a context manager, or `start()` and `stop()` it."""

    def __init__(
        self,
        controllers: str = "*",
        extra_args: Sequence[str] = (),
        port: int | None = None,
        prepare: Callable[[ApiServer], object] = lambda server: None,
    ) -> None:
        """`prepare` runs before the controllers do: CustomResourceDefinitions that are there by then are
        garbage-collected at once, later ones only after half a minute."""
        self.dir = Path(tempfile.mkdtemp(prefix="longshore-apiserver-"))
        self._programs = binaries(*FAST)
        self._port, self._etcd_port, self._controllers = port or free_port(), free_port(), controllers
        self._extra, self._prepare = list(extra_args), prepare
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._authority = Authority(self.dir)
        self.audit_log = self.dir / "audit.log"
        self._admin = self.user("longshore-admin", ["system:masters"])

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._port}"

    @property
    def ca_file(self) -> Path:
        return self._authority.file

    @property
    def kubeconfig(self) -> Path:
        """Of a user who may do everything."""
        return self._admin

    @property
    def kubectl(self) -> Path:
        return self._programs["kubectl"]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        self._authority.issue("apiserver", "kube-apiserver", server=True)
        new_key(self.dir / "service-account.key")
        (self.dir / "audit-policy.json").write_text(json.dumps(_AUDIT_POLICY))
        try:
            self._start_etcd()
            self.start_apiserver()
            self._prepare(self)
            self.start_controllers()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        for name in ("kube-controller-manager", "kube-apiserver", "etcd"):
            if process := self._processes.pop(name, None):
                stop(process, patience_seconds=5 if name != "kube-apiserver" else 2)
        shutil.rmtree(self.dir, ignore_errors=True)

    def stop_apiserver(self) -> None:
        """Ends the API server alone: an outage."""
        process = self._processes.pop("kube-apiserver")
        process.kill()
        process.wait()

    def start_apiserver(self) -> None:
        """Starts the API server on the same port and the same data, and waits until it is ready."""
        arguments = {
            "advertise-address": "127.0.0.1",
            "bind-address": "127.0.0.1",
            "secure-port": str(self._port),
            "etcd-servers": f"http://127.0.0.1:{self._etcd_port}",
            "client-ca-file": str(self.ca_file),
            "tls-cert-file": str(self.dir / "apiserver.crt"),
            "tls-private-key-file": str(self.dir / "apiserver.key"),
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": str(self.dir / "service-account.key"),
            "service-account-signing-key-file": str(self.dir / "service-account.key"),
            "service-cluster-ip-range": "10.0.0.0/16",
            "authorization-mode": "RBAC",
            "audit-log-path": str(self.audit_log),
            "audit-policy-file": str(self.dir / "audit-policy.json"),
            "audit-log-mode": "blocking",
            "audit-log-maxsize": "100000",  # MB: offsets into it are kept, so it must not be rotated
        }
        self._start(
            "kube-apiserver", [f"--{name}={value}" for name, value in arguments.items()] + self._extra
        )
        wait_until(self._ready, "the start of kube-apiserver", 90)

    def start_controllers(self) -> None:
        arguments = {
            "kubeconfig": str(self._admin),
            "bind-address": "127.0.0.1",
            "secure-port": str(free_port()),
            "controllers": self._controllers,
            "leader-elect": "false",
            "service-account-private-key-file": str(self.dir / "service-account.key"),
            "root-ca-file": str(self.ca_file),
            "use-service-account-credentials": "true",
            "kube-api-qps": "500",
            "kube-api-burst": "1000",
        }
        self._start("kube-controller-manager", [f"--{name}={value}" for name, value in arguments.items()])

    def user(self, name: str, groups: Sequence[str] = ()) -> Path:
        """Kubeconfig of a user with a client certificate."""
        certificate, key = self._authority.issue(f"user-{name}", name, groups)
        return self._write_kubeconfig(name, {"client-certificate": str(certificate), "client-key": str(key)})

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """Kubeconfig with a token of a service account that exists."""
        token = self.run("create", "token", name, "-n", namespace, "--duration=8h").strip()
        return self._write_kubeconfig(f"{namespace}-{name}", {"token": token})

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """Output of kubectl, as the administrator.

        Raises:
            subprocess.CalledProcessError: kubectl failed; its words are in `stderr`.
        """
        command = [str(self.kubectl), f"--kubeconfig={self._admin}", *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True).stdout

    def _start_etcd(self) -> None:
        peer = f"http://127.0.0.1:{free_port()}"
        arguments = {
            "data-dir": str(self.dir / "etcd"),
            "listen-client-urls": f"http://127.0.0.1:{self._etcd_port}",
            "advertise-client-urls": f"http://127.0.0.1:{self._etcd_port}",
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"default={peer}",
            "log-level": "error",
        }
        self._start(
            "etcd", [f"--{name}={value}" for name, value in arguments.items()] + ["--unsafe-no-fsync"]
        )

    def _start(self, program: str, arguments: list[str]) -> None:
        self._processes[program] = start(
            [str(self._programs[program]), *arguments], self.dir / f"{program}.log"
        )

    def _ready(self) -> bool:
        process = self._processes["kube-apiserver"]
        if process.poll() is not None:
            raise RuntimeError(
                f"kube-apiserver ended: {(self.dir / 'kube-apiserver.log').read_text()[-2000:]}"
            )
        context = ssl.create_default_context(cafile=str(self.ca_file))
        context.load_cert_chain(self.dir / "user-longshore-admin.crt", self.dir / "user-longshore-admin.key")
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", context=context, timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _write_kubeconfig(self, name: str, user: dict[str, Any]) -> Path:
        path = self.dir / f"kubeconfig-{name}"
        cluster = {"server": self.url, "certificate-authority": str(self.ca_file)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "local", "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": "local", "user": name}}],
            "current-context": name,
        }
        path.write_text(json.dumps(config))
        path.chmod(0o600)
        return path

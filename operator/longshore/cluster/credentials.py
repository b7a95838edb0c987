"""Who we are to the API server, and how to reach it: resolved once by the kubernetes package.

In a pod that is the mounted service account, whose token is read again as it rotates; outside, the
kubeconfig with everything that it may hold, exec plugins (EKS) included.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from pathlib import Path

from kubernetes import client, config

REMEMBER_SECONDS = 10.0
_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class NoCluster(Exception):
    """There is no way to an API server; the message says what was looked for."""


class Credentials:
    """Address, TLS and authorization. `kubeconfig` and `context` win over what the environment says."""

    def __init__(self, kubeconfig: str | None = None, context: str | None = None) -> None:
        self.configuration = client.Configuration()
        self._headers: dict[str, str] = {}
        self._asked = -REMEMBER_SECONDS
        kubeconfig = kubeconfig or os.environ.get("KUBECONFIG")
        try:
            if (
                kubeconfig is None
                and context is None
                and _SERVICE_ACCOUNT.exists()
                and not os.environ.get("KUBECONFIG")
            ):
                config.load_incluster_config(client_configuration=self.configuration)  # type: ignore[no-untyped-call]
            else:
                config.load_kube_config(kubeconfig, context, client_configuration=self.configuration)  # type: ignore[no-untyped-call]
        except (config.ConfigException, OSError) as error:
            raise NoCluster(
                f"no cluster: {error}. Set KUBECONFIG to a file that names one, or run in a pod"
            ) from error

    @property
    def server(self) -> str:
        return str(self.configuration.host)

    @property
    def own_namespace(self) -> str:
        """The namespace of the pod that we run in, else `default`."""
        return _SERVICE_ACCOUNT.read_text().strip() if _SERVICE_ACCOUNT.exists() else "default"

    def ssl_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.configuration.ssl_ca_cert)
        if not self.configuration.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.configuration.cert_file:
            context.load_cert_chain(self.configuration.cert_file, self.configuration.key_file)
        return context

    def token(self) -> str | None:
        """The Authorization header's value, refreshed where it has a way to be. May block for an exec plugin."""
        for identifier in ("BearerToken", "authorization"):
            if value := self.configuration.get_api_key_with_prefix(identifier):
                return str(value)
        return str(self.configuration.get_basic_auth_token()) if self.configuration.username else None

    async def authorization(self) -> dict[str, str]:
        """Headers of a request. What may block, an exec plugin or the file of a token, runs off the loop, and
        is asked again after a few seconds only."""
        if time.monotonic() - self._asked > REMEMBER_SECONDS:
            blocking = self.configuration.refresh_api_key_hook is not None
            value = await asyncio.to_thread(self.token) if blocking else self.token()
            self._headers, self._asked = {"Authorization": value} if value else {}, time.monotonic()
        return dict(self._headers)

    def forget(self) -> None:
        """The API server didn't take the token: the next request asks again."""
        self._asked = -REMEMBER_SECONDS

"""/healthz, /readyz and /metrics over HTTP. They say nothing about users' objects but counts."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

Problems = Callable[[], list[str]]


class HealthServer:
    """Serves until stopped. `unhealthy` and `unready` return what is wrong; `role` is leader or standby."""

    def __init__(
        self,
        host: str,
        port: int,
        registry: CollectorRegistry,
        unhealthy: Problems,
        unready: Problems,
        role: Callable[[], str],
    ) -> None:
        self._host, self._port, self._registry = host, port, registry
        self._unhealthy, self._unready, self._role = unhealthy, unready, role
        self._runner: web.AppRunner | None = None

    async def start(self) -> int:
        """Begins to serve; returns the port."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _healthz(self, request: web.Request) -> web.Response:
        problems = self._unhealthy()
        return web.json_response({"problems": problems}, status=500 if problems else 200)

    async def _readyz(self, request: web.Request) -> web.Response:
        problems = self._unready()
        body = {"role": self._role(), "problems": problems}
        return web.json_response(body, status=503 if problems else 200)

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

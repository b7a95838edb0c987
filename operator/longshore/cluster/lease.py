"""Leader election over a Lease, in the way of client-go: who cannot renew in time stops before others begin.

Ages are measured by our own clock from the moment a record was first seen, so that clocks of other
machines don't matter.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from longshore.cluster.client import ApiError, Client
from longshore.cluster.resources import LEASES

Obj = dict[str, Any]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds: a lease that nobody renewed for `duration` is free; we stop leading `renew_deadline` after our last
    renewal; tries are `retry_period` apart."""

    duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0


class LeaderElection:
    """Holds, or tries to get, one Lease under the name `identity`."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        name: str,
        identity: str,
        timing: Timing,
        monotonic: Callable[[], float],
        on_started: Callable[[], None] = lambda: None,
    ) -> None:
        self._client, self._namespace, self._name = client, namespace, name
        self.identity, self._timing, self._monotonic = identity, timing, monotonic
        self._on_started = on_started
        self._renewed: float | None = None
        self._seen: tuple[str, float] = ("", monotonic())

    def is_leader(self) -> bool:
        """False as soon as the renewal is overdue, whatever else happens."""
        return self._renewed is not None and self._monotonic() - self._renewed < self._timing.renew_deadline

    async def run(self) -> None:
        """Tries until cancelled; then gives the lease back, so that the next needn't wait."""
        try:
            leading = False
            while True:
                if leading and not self.is_leader():
                    log.warning(
                        "leading has lapsed: the lease was not renewed for %s s", self._timing.renew_deadline
                    )
                    leading = False
                await self._try()
                if self.is_leader() and not leading:
                    log.info("leading as %s", self.identity)
                elif leading and not self.is_leader():
                    log.warning("no longer leading: another replica holds the lease")
                leading = self.is_leader()
                await asyncio.sleep(self._timing.retry_period * random.uniform(0.8, 1.2))  # noqa: S311
        finally:
            if self.is_leader():
                self._renewed = None
                await self._release()

    async def _try(self) -> None:
        began = self._monotonic()
        try:
            async with asyncio.timeout(self._timing.renew_deadline / 2):
                if await self._acquire_or_renew():
                    began_anew = not self.is_leader()
                    self._renewed = began
                    # Also after a lapse in the middle of a renewal: what came in it was let go.
                    if began_anew:
                        self._on_started()
                else:
                    self._renewed = None
        except (ApiError, TimeoutError) as error:
            log.warning(
                "the lease %s/%s could not be read or written: %s", self._namespace, self._name, error
            )

    async def _acquire_or_renew(self) -> bool:
        try:
            lease = await self._client.get(LEASES, self._namespace, self._name)
        except ApiError as error:
            if error.status != 404:
                raise
            body = {
                "apiVersion": LEASES.api_version,
                "kind": "Lease",
                "metadata": {"name": self._name, "namespace": self._namespace},
            }
            return await self._write(body | {"spec": self._spec(None)}, new=True)
        spec = lease.get("spec", {})
        version = lease["metadata"]["resourceVersion"]
        if version != self._seen[0]:
            self._seen = (version, self._monotonic())
        holder = spec.get("holderIdentity") or ""
        expired = self._monotonic() - self._seen[1] >= float(spec.get("leaseDurationSeconds") or 0)
        if holder not in ("", self.identity) and not expired:
            return False
        return await self._write(lease | {"spec": self._spec(spec)}, new=False)

    async def _write(self, lease: Obj, new: bool) -> bool:
        try:
            if new:
                await self._client.create(LEASES, self._namespace, lease, manager=self._name)
            else:
                await self._client.replace(LEASES, self._namespace, self._name, lease, manager=self._name)
        except ApiError as error:
            if error.status == 409:  # somebody else was quicker
                return False
            raise
        return True

    def _spec(self, before: Obj | None) -> Obj:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        mine = before is not None and before.get("holderIdentity") == self.identity
        changes = int((before or {}).get("leaseTransitions") or 0)
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": int(self._timing.duration),
            "acquireTime": before["acquireTime"] if before and mine and "acquireTime" in before else now,
            "renewTime": now,
            "leaseTransitions": changes if mine or before is None else changes + 1,
        }

    async def _release(self) -> None:
        try:
            lease = await self._client.get(LEASES, self._namespace, self._name)
            if lease.get("spec", {}).get("holderIdentity") == self.identity:
                lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
                await self._client.replace(LEASES, self._namespace, self._name, lease, manager=self._name)
        except ApiError as error:
            log.warning("the lease could not be given back: %s", error)

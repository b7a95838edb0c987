"""Probes: three in a pod, one health check in an app."""

from __future__ import annotations

from longshore.convert.draft import Draft, Obj
from longshore.convert.reader import Reader

STARTUP_SECONDS = 120
"""The contract's default."""
_PERIOD, _FAILURES = 10, 3
"""Kubernetes' defaults."""


def read_probes(draft: Draft, container: Reader, port_name: str) -> None:
    """The readiness probe is the app's health check, else the liveness probe; the others have to ask the same."""
    probes = [container[f"{kind}Probe"] for kind in ("readiness", "liveness", "startup")]
    _, alive, started = probes
    port = draft.get("port")
    chosen = next((each for each in probes if _question(each, port, port_name)), None)
    if chosen is None:
        if not any(probes):
            container.changed(
                f"no probe is set here: a replica is healthy when port {port or 8080} takes connections"
            )
        return
    question = _question(chosen, port, port_name)
    for path, value in (question or {}).items():
        draft.put(f"health.{path}", value, chosen)
    for each in probes:
        if each and _question(each, port, port_name) == question:
            _take_question(each)
    if chosen.path != started.path:
        _rhythm(draft, chosen)
    if alive and alive.path != chosen.path and _question(alive, port, port_name) == question:
        for key in ("periodSeconds", "timeoutSeconds", "failureThreshold", "successThreshold"):
            alive[key].needless("health has one rhythm")
        alive.changed("the same check restarts a replica, after three times as many failures as take it out")
    _startup(draft, probes, question == _question(started, port, port_name))


def probed_ports(container: Reader) -> list[str]:
    """Ports that probes ask, by number or name; the readiness probe's first."""
    asked = [
        container[f"{kind}Probe"][how]["port"].peek
        for kind in ("readiness", "liveness", "startup")
        for how in ("httpGet", "tcpSocket", "grpc")
    ]
    return [each for each in asked if each]


def _rhythm(draft: Draft, probe: Reader) -> None:
    draft.put("health.intervalSeconds", probe["periodSeconds"].number(), probe["periodSeconds"])
    draft.put("health.timeoutSeconds", probe["timeoutSeconds"].number(), probe["timeoutSeconds"])
    draft.put("health.failureThreshold", probe["failureThreshold"].number(), probe["failureThreshold"])
    probe["successThreshold"].holds(1)


def _startup(draft: Draft, probes: list[Reader], same: bool) -> None:
    *others, started = probes
    if started and same:
        failures = started["failureThreshold"].number() or _FAILURES
        period = started["periodSeconds"].number() or _PERIOD
        started["timeoutSeconds"].needless("the health check's own holds")
        started["successThreshold"].holds(1)
        seconds = (started["initialDelaySeconds"].number() or 0) + failures * period
        draft.put("health.startupSeconds", seconds, started)
        for each in others:
            each["initialDelaySeconds"].needless("health.startupSeconds gives the time to start")
        return
    for each in others:
        delay = each["initialDelaySeconds"]
        patience = (delay.number() or 0) + 2 * _PERIOD
        if patience > max(draft.get("health.startupSeconds") or 0, STARTUP_SECONDS):
            draft.put("health.startupSeconds", patience, delay)
        delay.needless("health.startupSeconds gives the time to start")


def _question(probe: Reader, port: int | None, port_name: str) -> Obj | None:
    """What is asked, in the contract's words; None where the contract can't ask it. Takes nothing."""

    def is_own(asked: Reader) -> bool:
        return asked.peek != "" and asked.peek in (str(port), port_name)

    http = probe["httpGet"]
    if http and is_own(http["port"]) and http["scheme"].peek in ("", "HTTP"):
        return {"path": http["path"].peek or "/"}
    for kind in ("tcpSocket", "grpc"):
        asked = probe[kind]["port"]
        if not asked:
            continue
        number = int(asked.peek) if asked.peek.isdecimal() else None
        if not is_own(asked) and number is None:
            return None
        made: Obj = {} if is_own(asked) and kind == "tcpSocket" else {"port": number or port}
        if service := probe[kind]["service"].peek:
            made["service"] = service
        return {"tcp" if kind == "tcpSocket" else "grpc": made}
    return None


def _take_question(probe: Reader) -> None:
    for key in ("path", "port", "scheme"):
        probe["httpGet"][key].take()
    for kind in ("tcpSocket", "grpc"):
        for key in ("port", "service"):
            probe[kind][key].take()

"""python -m hack.demo: installs Longshore into a local cluster, applies three examples and shows what becomes of them."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
import urllib.request

from hack.image.docker import ROOT, environment
from hack.install import binary, install

NAMESPACE = "longshore-demo"
EXAMPLES = ("02-webapp-with-health-and-size", "12-batchjob-with-retries", "21-broken-webapp")
BROKEN = '{.status.conditions[?(@.type=="Ready")].reason}'


def main() -> None:
    began = time.monotonic()
    install()
    kubectl, longshore = binary("kubectl"), str(ROOT / ".venv" / "bin" / "longshore")
    print(f"\nLongshore is installed after {time.monotonic() - began:.0f} s. What a user does:")
    _quiet(kubectl, "delete", "namespace", NAMESPACE, "--ignore-not-found")
    _quiet(kubectl, "create", "namespace", NAMESPACE)
    inside = ["--namespace", NAMESPACE]
    for example in EXAMPLES:
        _shown(kubectl, *inside, "apply", "--filename", f"examples/{example}.yaml")
    _shown(kubectl, *inside, "wait", "--for=condition=Ready", "webapp/shop", "--timeout=120s")
    _shown(kubectl, *inside, "wait", "--for=condition=Complete", "batchjob/import", "--timeout=120s")
    _quiet(
        kubectl, *inside, "wait", f"--for=jsonpath={BROKEN}=CrashLooping", "webapp/broken", "--timeout=120s"
    )
    _shown(kubectl, *inside, "get", "webapps,batchjobs")
    _shown(kubectl, *inside, "get", "pods")
    _reach(kubectl)
    for kind, name in (("webapp", "shop"), ("batchjob", "import"), ("webapp", "broken")):
        _shown(longshore, "why", kind, name, *inside)
    print(f"\nAll of it took {time.monotonic() - began:.0f} s. To look around:")
    print(f"  export KUBECONFIG={environment()['KUBECONFIG']}\n  {kubectl} -n {NAMESPACE} get wa,bj")
    print("To remove the cluster: make cluster-down")


def _reach(kubectl: str) -> None:
    command = [kubectl, "--namespace", NAMESPACE, "port-forward", "service/shop", ":80"]
    print(f"\n$ {_plain(command)} & curl -i …")
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as forwarding:
        assert forwarding.stdout is not None
        try:
            address = forwarding.stdout.readline().split("Forwarding from ")[1].split(" ->")[0]
            with urllib.request.urlopen(f"http://{address}/", timeout=10) as answer:
                print(f"HTTP {answer.status}: {answer.read().decode().strip()}")
        finally:
            forwarding.terminate()


def _shown(*command: str) -> None:
    print(f"\n$ {_plain(command)}", flush=True)
    subprocess.run(command, cwd=ROOT, env=environment(), check=True)


def _quiet(*command: str) -> None:
    subprocess.run(command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, check=True)


def _plain(command: list[str] | tuple[str, ...]) -> str:
    """The command as a user types it: by its name, not its path."""
    return shlex.join([command[0].rsplit("/", 1)[-1], *command[1:]])


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"{_plain(error.cmd)} failed with exit code {error.returncode}")

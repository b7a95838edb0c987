"""python -m hack.demo: installs Longshore into a local cluster, applies three examples and shows what becomes of them."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
import urllib.request

from hack.image.docker import ROOT
from hack.install import Tools, install

NAMESPACE = "longshore-demo"
EXAMPLES = ("02-webapp-with-health-and-size", "12-batchjob-with-retries", "21-broken-webapp")
REASON = '{.status.conditions[?(@.type=="Ready")].reason}'


def main() -> None:
    began = time.monotonic()
    found = install()
    print(f"\nLongshore is installed after {time.monotonic() - began:.0f} s. What a user does:")
    for action in (["delete", "--ignore-not-found"], ["create"]):
        subprocess.run(
            [*found.kubectl, *action, "namespace", NAMESPACE], stdout=subprocess.DEVNULL, check=True
        )
    for example in EXAMPLES:
        _kubectl(found, "apply", "--filename", f"examples/{example}.yaml")
    _kubectl(found, "wait", "--for=condition=Ready", "webapp/shop", "--timeout=120s")
    _kubectl(found, "wait", "--for=condition=Complete", "batchjob/import", "--timeout=120s")
    _kubectl(
        found, "wait", f"--for=jsonpath={REASON}=CrashLooping", "webapp/broken", "--timeout=120s", shown=False
    )
    _kubectl(found, "get", "webapps,batchjobs")
    _kubectl(found, "get", "pods")
    _reach(found)
    for kind, name in (("webapp", "shop"), ("batchjob", "import"), ("webapp", "broken")):
        _longshore(found, "why", kind, name)
    print(f"\nAll of it took {time.monotonic() - began:.0f} s. To look around:")
    print(
        f"  export KUBECONFIG={found.kubeconfig}\n  {found.kubectl[0]} -n {NAMESPACE} get webapps,batchjobs"
    )
    print("To remove the cluster: make cluster-down")


def _reach(found: Tools) -> None:
    arguments = ["port-forward", "service/shop", ":80"]
    print(f"\n$ kubectl {shlex.join(arguments)} & curl -i …")
    command = [*found.kubectl, "--namespace", NAMESPACE, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forwarding:
        assert forwarding.stdout is not None
        try:
            address = forwarding.stdout.readline().split("Forwarding from ")[1].split(" ->")[0]
            with urllib.request.urlopen(f"http://{address}/", timeout=10) as answer:
                print(f"HTTP {answer.status}: {answer.read().decode().strip()}", flush=True)
        finally:
            forwarding.terminate()


def _kubectl(found: Tools, *arguments: str, shown: bool = True) -> None:
    if shown:
        print(f"\n$ kubectl {shlex.join(arguments)}", flush=True)
    subprocess.run(
        [*found.kubectl, "--namespace", NAMESPACE, *arguments],
        cwd=ROOT,
        stdout=None if shown else subprocess.DEVNULL,
        check=True,
    )


def _longshore(found: Tools, *arguments: str) -> None:
    print(f"\n$ longshore {shlex.join(arguments)}", flush=True)
    command = [sys.executable, "-m", "longshore", *arguments, "--namespace", NAMESPACE]
    subprocess.run(command, cwd=ROOT, env=found.environment, check=True)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"{shlex.join(error.cmd)} failed with exit code {error.returncode}")

"""`python -m hack.cluster`: up, down, status, load, bin, env, apiserver."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from hack.cluster import docker, kind, parts
from hack.cluster.apiserver import ApiServer
from hack.cluster.build import binaries
from hack.cluster.paths import CLUSTER_RUN, ClusterError, say


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m hack.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("up", help="find or make the kind cluster")
    make.add_argument("--nodes", type=int, choices=range(1, 10), metavar="N", help="how many, in three zones")
    make.add_argument("--with", dest="parts", default="", help=f"comma-separated: {', '.join(parts.PARTS)}")
    commands.add_parser("down", help="take it away").add_argument(
        "--all", action="store_true", help="the caches, too"
    )
    commands.add_parser("status", help="say whether it runs")
    commands.add_parser("load", help="put images onto its nodes").add_argument("image", nargs="+")
    commands.add_parser("bin", help="print paths of programs, built first if need be").add_argument(
        "name", nargs="+"
    )
    commands.add_parser("env", help="print what a shell needs: eval $(python -m hack.cluster env)")
    commands.add_parser("apiserver", help="run an API server without nodes until Ctrl-C")
    try:
        _run(parser.parse_args())
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def _run(arguments: argparse.Namespace) -> None:
    match arguments.command:
        case "up":
            wanted = parts.names(arguments.parts)
            cluster = kind.up(arguments.nodes)
            parts.install(cluster, wanted)
            say(f"ready: export KUBECONFIG={cluster.kubeconfig}")
        case "down":
            kind.down(arguments.all)
        case "status":
            print("running" if (CLUSTER_RUN / "kubeconfig").exists() else "not running")
        case "load":
            kind.up().load(*arguments.image)
        case "bin":
            print(*binaries(*arguments.name).values(), sep="\n")
        case "env":
            folder = binaries("kubectl")["kubectl"].parent
            print(
                f"export KUBECONFIG={CLUSTER_RUN / 'kubeconfig'} DOCKER_HOST=unix://{docker.SOCKET} PATH={folder}:$PATH"
            )
        case "apiserver":
            with ApiServer() as server:
                print(f"export KUBECONFIG={server.kubeconfig}", flush=True)
                done = threading.Event()
                for number in (signal.SIGINT, signal.SIGTERM):
                    signal.signal(number, lambda *_: done.set())
                done.wait()


main()

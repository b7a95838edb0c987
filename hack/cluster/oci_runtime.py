"""An OCI runtime in front of runc: takes out of a container what this machine's kernel would refuse.

Called as `oci_runtime.py RUNC ARGUMENTS…`; works on the standard library alone, for it runs at each call.
"""

import itertools
import json
import os
import sys

CAPABILITIES = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
]


def allowed() -> set[str]:
    with open("/proc/self/status") as status:
        bounding = next(int(line.split()[1], 16) for line in status if line.startswith("CapBnd:"))
    return {f"CAP_{name}" for number, name in enumerate(CAPABILITIES) if bounding >> number & 1}


def soften(process: dict[str, object]) -> None:
    sets = process.get("capabilities")
    if isinstance(sets, dict):
        may = allowed()
        for name, wanted in sets.items():
            sets[name] = [each for each in wanted if each in may]
    process.pop("rlimits", None)
    score = process.get("oomScoreAdj")
    if isinstance(score, int) and score < 0:
        del process["oomScoreAdj"]


def rewrite(path: str, whole: bool) -> None:
    with open(path) as file:
        content = json.load(file)
    if not whole or "process" in content:
        soften(content["process"] if whole else content)
    with open(path, "w") as file:
        json.dump(content, file)


def main() -> None:
    runc, arguments = sys.argv[1], sys.argv[2:]
    for flag, value in itertools.pairwise(arguments):
        if flag in ("--bundle", "-b") and os.path.exists(f"{value}/config.json"):
            rewrite(f"{value}/config.json", whole=True)
        elif flag in ("--process", "-p"):
            rewrite(value, whole=False)
    os.execv(runc, [runc, *arguments])


main()

#!/usr/bin/env python3
"""What it costs to have one child under supervision: `benches/footprint.py MAINSTAY...`, beside who else is installed.

For each program, the median of some starts: milliseconds from its exec to the child's first instruction; then, once all
is quiet, its processes and their proportional memory (PSS) without the child's. Nothing else should be running.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 11
QUIET = 3.0
SETTLED = 0.3
# The child notes when it began, and stays.
CHILD = "echo begun > %s; exec sleep 1000"


def mainstay(program):
    def command(folder, child):
        spec = folder / "mainstay.yaml"
        spec.write_text(f"name: footprint\nchildren:\n  one:\n    command: {['sh', '-c', child]}\n")
        return [program, "up", "--no-output", str(spec)]

    return command


def mainstay_run(program):
    return lambda folder, child: [program, "run", "--", "sh", "-c", child]


def supervisord(program):
    def command(folder, child):
        conf = folder / "supervisord.conf"
        script = folder / "child.sh"
        script.write_text(child)
        conf.write_text(
            f"[supervisord]\nnodaemon=true\nlogfile={folder}/log\npidfile={folder}/pid\nchildlogdir={folder}\n"
            f"[unix_http_server]\nfile={folder}/sock\n"
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n"
            f"[program:one]\ncommand=sh {script}\n"
        )
        return [program, "-c", str(conf)]

    return command


def s6(program):
    def command(folder, child):
        run = folder / "scan/one/run"
        run.parent.mkdir(parents=True)
        run.write_text("#!/bin/sh\n" + child)
        run.chmod(0o755)
        return [program, str(folder / "scan")]

    return command


def bare(program):
    return lambda folder, child: [program, "--", "sh", "-c", child]


def descendants(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def pss(pid):
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def name(pid):
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]


def start(make, look):
    """Starts once. Returns the milliseconds, and with `look` the number of processes and their KiB."""
    with tempfile.TemporaryDirectory() as name_of:
        folder = Path(name_of)
        mark = folder / "mark"
        os.mkfifo(mark)
        command = make(folder, CHILD % mark)
        environment = dict(os.environ, MAINSTAY_RUNTIME=str(folder / "r"), MAINSTAY_STATE=str(folder / "s"))
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        began = time.monotonic()
        process = subprocess.Popen(command, env=environment, cwd=folder, **quiet)
        with open(mark, "rb") as opened:
            opened.read()
        took = (time.monotonic() - began) * 1000
        about = None
        time.sleep(QUIET if look else SETTLED)
        if look:
            own = [pid for pid in [process.pid, *descendants(process.pid)] if name(pid) != b"sleep"]
            about = (len(own), sum(pss(pid) for pid in own))
        process.terminate()
        process.wait()
        return took, about


def main():
    programs = sys.argv[1:] or [shutil.which("mainstay")]
    rows = []
    for program in programs:
        program = os.path.abspath(program)
        rows.append((f"{program} up", program, mainstay(program)))
        rows.append((f"{program} run", program, mainstay_run(program)))
    for word, make in [("supervisord", supervisord), ("s6-svscan", s6), ("tini", bare), ("dumb-init", bare)]:
        found = shutil.which(word)
        if found:
            rows.append((word, found, make(found)))
    print(f"{'':60} {'file KiB':>9} {'start ms':>9} {'processes':>9} {'PSS KiB':>9}")
    for label, file, make in rows:
        size = os.path.getsize(os.path.realpath(file)) // 1024
        times = [start(make, look=False)[0] for _ in range(ROUNDS)]
        _, (count, memory) = start(make, look=True)
        print(f"{label[-60:]:60} {size:9} {statistics.median(times):9.1f} {count:9} {memory:9}")


if __name__ == "__main__":
    main()

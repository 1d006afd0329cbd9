"""A real daemon in a folder of its own, a dashboard of it, and what can be done to both."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from urllib.parse import urlsplit

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PROGRAM = pathlib.Path(os.environ.get("MAINSTAY", BUILD / "debug" / "mainstay"))
CERTIFICATES = ROOT / "crates" / "daemon" / "tests" / "api" / "certs"

# Longer than anything here takes on the slowest machine, in seconds.
PATIENCE = 120

# A small shop: one that serves, one that fails again and again, one that has given up, one with a terminal, a group.
SHOP = """
name: shop
children:
  web:
    command: sh -c 'i=0; while :; do i=$((i+1)); echo "request $i served"; sleep 0.5; done'
    description: Serves the shop.
    labels: {team: front}
  flaky:
    command: sh -c 'echo "opening the till"; sleep 0.4; echo "the till is jammed" >&2; exit 7'
    description: Fails again and again.
    criticality: optional
    restart: on-failure
    backoff: 1s
    budget: {count: failures, most: 1000, within: 1h}
  broken:
    command: sh -c 'echo "no such table"; exit 3'
    criticality: optional
    restart: on-failure
    backoff: none
    budget: {count: failures, most: 3, within: 1m}
    cooldown: 1h
  calc:
    command: cat
    terminal: true
    description: Says again what is typed.
  app:
    labels: {team: back}
    children:
      db:
        command: sleep 100000
      cache:
        command: sleep 100000
        needs: db
"""


def until(what, holds):
    """Waits until something holds, and returns it."""
    end = time.monotonic() + PATIENCE
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < end, f"{what}: never came to be so"
        time.sleep(0.05)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Daemon:
    """A daemon with this spec file. `with Daemon(spec) as daemon:` brings it up and ends it."""

    def __init__(self, spec=SHOP):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mainstay-e2e-"))
        (self.folder / "mainstay.yaml").write_text(spec)
        self.running = None
        self.environment = dict(
            os.environ,
            MAINSTAY_STATE=str(self.folder / "state"),
            MAINSTAY_RUNTIME=str(self.folder / "run"),
            NO_COLOR="1",
        )
        self.environment.pop("NOTIFY_SOCKET", None)

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, *_):
        self.end()

    def up(self):
        output = open(self.folder / "output.txt", "ab")
        self.running = subprocess.Popen(
            [PROGRAM, "up"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        until("the daemon answers", self.answers)

    def answers(self):
        assert self.running.poll() is None, (self.folder / "output.txt").read_text()
        return self.run("status").returncode in (0, 1)

    def end(self):
        if self.running:
            self.run("down", "--force")
            try:
                self.running.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.running.kill()
            self.running = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *arguments):
        """Runs a command of the program to its end."""
        return subprocess.run(
            [PROGRAM, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def ask(self, *arguments):
        """Returns what the API answers to a command."""
        return json.loads(self.run("--json", *arguments).stdout)

    def child(self, path):
        children = self.ask("status")["children"]
        return next(child for child in children if child["path"] == path)

    def until_child(self, path, **fields):
        """Waits until a child is so: `until_child("web", standing="ready")`."""

        def is_so():
            child = self.child(path)
            return child if all(child[name] == value for name, value in fields.items()) else None

        return until(f"{path} is {fields}", is_so)

    def kill_brain(self):
        """Kills the brain, and waits until another one answers."""
        before = self.ask("status")["brain_pid"]
        os.kill(before, signal.SIGKILL)

        def is_back():
            answer = self.run("--json", "status")
            return answer.returncode in (0, 1) and json.loads(answer.stdout)["brain_pid"] != before

        until("the brain is back", is_back)


class Dashboard:
    """`mainstay dashboard` of a daemon."""

    def __init__(self, daemon, *arguments):
        self.daemon = daemon
        self.running = subprocess.Popen(
            [PROGRAM, "dashboard", "--no-open", *arguments],
            cwd=daemon.folder,
            env=daemon.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.address = self.running.stdout.readline().strip()
        assert self.address.startswith("http://127.0.0.1:"), self.address
        self.host = urlsplit(self.address).netloc
        self.root = None

    def enter(self, page):
        """Shows the secret once: from then on the browser has the cookie."""
        page.goto(self.address)
        page.wait_for_url(re.compile(r"/ui/"))
        self.root = page.url[: page.url.index("/ui/") + 1]

    def url(self, path=""):
        """Returns the address of a page: `url("child/web")`."""
        return f"{self.root}ui/{path}"

    def halt(self):
        """Lets the network stall: connections stay open, and nothing moves."""
        self.running.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.running.send_signal(signal.SIGCONT)

    def end(self):
        self.go_on()
        self.running.terminate()
        self.running.wait(PATIENCE)


class Watched:
    """What a page did that no page should: requests to anybody else, errors in the console."""

    def __init__(self, page, host):
        self.expected = []
        self.hosts = {host}
        self.asked = []
        self.errors = []
        page.expected = self.expected
        page.hosts = self.hosts
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("websocket", lambda opened: self.asked.append(opened.url))
        page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))
        page.on("console", self.said)

    def said(self, message):
        if message.type in ("error", "warning"):
            where = (message.location or {}).get("url", "")
            self.errors.append(f"{message.type}: {message.text} ({where})")

    def check(self):
        strangers = [
            url
            for url in self.asked
            if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).netloc not in self.hosts
        ]
        assert not strangers, f"requests to somebody else: {strangers}"
        errors = [
            error for error in self.errors if not any(text in error for text in self.expected)
        ]
        assert not errors, "\n".join(errors)


def slow(page, milliseconds=400, bytes_per_second=50_000):
    """Makes the network of a page slow, as over a bad radio link."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": milliseconds,
            "downloadThroughput": bytes_per_second,
            "uploadThroughput": bytes_per_second,
        },
    )


class Stranger:
    """A page of somebody else: serves one text at another port."""

    def __init__(self, text):
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(text.encode())
                self.server.cookies.append(self.headers.get("cookie", ""))

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.cookies = []
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.address = f"http://{self.host}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def cookies(self):
        return self.server.cookies

    def end(self):
        self.server.shutdown()


if __name__ == "__main__":
    # By hand: `python3 web/e2e/harness.py` holds a shop up until Enter is pressed.
    with Daemon() as shop:
        dashboard = Dashboard(shop)
        print(dashboard.address)
        sys.stdin.readline()
        dashboard.end()

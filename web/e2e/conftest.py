"""The fixtures of the tests of the dashboard."""

import os
import pathlib
import shutil
import sys

import pytest
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness import PATIENCE, Daemon, Dashboard, Watched  # noqa: E402

# Nothing that asks anybody in the network, and nothing that needs a screen.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser():
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert program, "there is no chromium: apt-get install chromium, or say where in CHROMIUM"
    with sync_playwright() as playwright:
        headless = not os.environ.get("HEADED")
        browser = playwright.chromium.launch(
            executable_path=program, headless=headless, args=FLAGS
        )
        yield browser
        browser.close()


@pytest.fixture
def new_page(browser):
    """Makes pages, each in a browser of its own that knows nothing of the others, and checks them all at the end."""
    contexts, watched = [], []

    def make(host, **options):
        options.setdefault("viewport", {"width": 1280, "height": 800})
        options.setdefault("locale", "en-GB")
        context = browser.new_context(**options)
        context.set_default_timeout(PATIENCE * 1000)
        contexts.append(context)
        page = context.new_page()
        watched.append(Watched(page, host))
        return page

    yield make
    for one in watched:
        one.check()
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def shop():
    """A daemon with the small shop, for all tests of a file."""
    with Daemon() as daemon:
        daemon.until_child("web", standing="ready")
        yield daemon


@pytest.fixture
def own_shop():
    """A daemon with the small shop, for one test that breaks it."""
    with Daemon() as daemon:
        daemon.until_child("web", standing="ready")
        yield daemon


@pytest.fixture
def dashboard(shop):
    dashboard = Dashboard(shop)
    yield dashboard
    dashboard.end()


@pytest.fixture
def page(dashboard, new_page):
    """A page that shows the dashboard of the shop, by somebody who may do everything."""
    page = new_page(dashboard.host)
    dashboard.enter(page)
    return page


@pytest.fixture
def looker(shop, new_page):
    """A page of somebody who only looks; `looker.dashboard` is where."""
    dashboard = Dashboard(shop, "--read-only")
    page = new_page(dashboard.host)
    page.dashboard = dashboard
    dashboard.enter(page)
    yield page
    dashboard.end()


@pytest.fixture(scope="session")
def many():
    """A daemon with 2 000 children that live."""
    spec = """
name: many
children:
  sleeper:
    instances: 2000
    command: sleep 100000
    restart: always
"""
    with Daemon(spec) as daemon:
        daemon.until_child("sleeper@2000", standing="ready")
        yield daemon

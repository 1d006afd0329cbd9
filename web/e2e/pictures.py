"""The pictures of the dashboard in docs/pictures: `cargo xtask pictures` makes them anew. No test, and not run with them."""

import os
import pathlib

import pytest
from harness import PATIENCE, Dashboard, until

FOLDER = pathlib.Path(os.environ.get("PICTURES", "docs/pictures"))
# What commands print, with its colours: made into pictures elsewhere.
ANSWERS = pathlib.Path(os.environ.get("ANSWERS", "target/pictures"))
# A picture in a page of documentation must not weigh much.
MOST_BYTES = 150_000

# Where the folder of this shop stands is nobody's business, and another one each time.
PLACE = r"""() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const node = texts.currentNode;
        node.data = node.data.replace(/\/[^ ]*\/mainstay-e2e-[a-z0-9_]+/g, '/srv/shop');
    }
}"""


@pytest.fixture(scope="module")
def lived_in(shop):
    """The shop once something has happened in it."""
    shop.until_child("broken", standing="waiting")
    until("flaky has failed a few times", lambda: shop.child("flaky")["restarts"] >= 6)
    for command in [
        ("pause", "app/cache", "--why", "the disk is replaced"),
        ("quarantine", "app/db", "--why", "restoring the backup of last night"),
    ]:
        shop.run(*command)
    return shop


def take(page, name):
    """Takes a picture once nothing moves any more."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / f"{name}.png"
    page.wait_for_load_state("load")
    page.evaluate("document.fonts.ready")
    page.evaluate(PLACE)
    page.screenshot(path=file, animations="disabled", caret="hide")
    assert file.stat().st_size < MOST_BYTES, f"{file} has {file.stat().st_size} bytes"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_of_every_page(lived_in, new_page, scheme):
    dashboard = Dashboard(lived_in)
    page = new_page(
        dashboard.host,
        color_scheme=scheme,
        reduced_motion="reduce",
        viewport={"width": 1200, "height": 760},
        timezone_id="UTC",
    )
    dashboard.enter(page)
    page.get_by_text("flaky").first.wait_for(timeout=PATIENCE * 1000)
    take(page, f"dashboard-{scheme}")
    page.goto(dashboard.url("child/broken"))
    page.get_by_text("no such table").first.wait_for()
    take(page, f"dashboard-child-{scheme}")
    page.goto(dashboard.url("alerts"))
    page.get_by_text("broken").first.wait_for()
    take(page, f"dashboard-alerts-{scheme}")
    if scheme == "light":
        page.set_viewport_size({"width": 400, "height": 760})
        page.goto(dashboard.url())
        page.get_by_text("flaky").first.wait_for()
        take(page, "dashboard-narrow")
    dashboard.end()


def test_answers_in_a_terminal(lived_in):
    ANSWERS.mkdir(parents=True, exist_ok=True)
    lived_in.environment["COLUMNS"] = "110"
    for name, command in {
        "status": ["status"],
        "explain": ["explain", "broken"],
        "history": ["history", "flaky", "-n", "6"],
        "simulate": ["simulate", "flaky", "--against", "systemd"],
    }.items():
        output = lived_in.run("--color", "always", *command)
        assert output.returncode in (0, 1), output.stderr
        text = f"$ mainstay {' '.join(command)}\n{output.stdout}"
        text = text.replace(str(lived_in.folder), "/srv/shop")
        (ANSWERS / f"terminal-{name}.ansi").write_text(text)

"""What several journeys do."""

from harness import PATIENCE
from playwright.sync_api import expect

expect.set_options(timeout=PATIENCE * 1000)


def go(page, dashboard, path=""):
    """Opens a page of the dashboard by its address."""
    page.goto(dashboard.url(path))
    page.get_by_role("banner").get_by_role("link", name="To the tree").wait_for()


def row(page, name):
    """The row of a child in the tree."""
    link = page.get_by_role("link", name=name, exact=True)
    return page.get_by_role("treegrid").get_by_role("row").filter(has=link)


def give(page, command, why):
    """Gives a command on the page of a child, with a reason."""
    button = page.get_by_role("region", name="Commands").get_by_role("button", name=f"{command} …", exact=True)
    button.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Why").fill(why)
    dialog.get_by_role("button", name=command, exact=True).click()
    expect(dialog).to_have_count(0)


def standing(page, word):
    """Waits until the page of a child says that it is so."""
    expect(page.locator(".child-title .badge")).to_have_text(word)

"""What the dashboard does when what lies between breaks, and with many children."""

import re
import time

from harness import Dashboard, slow
from journeys import go, row
from playwright.sync_api import expect
from test_journeys import contiguous


def test_after_the_brain_was_killed_nothing_is_missed(own_shop, new_page):
    dashboard = Dashboard(own_shop)
    page = new_page(dashboard.host)
    page.expected += ["503", "502", "ERR_", "504"]
    dashboard.enter(page)
    expect(row(page, "web")).to_contain_text("ready")
    line = page.locator("#line")
    before = contiguous(page)
    own_shop.kill_brain()
    expect(line).to_contain_text("Connected again; nothing was missed.")
    # What happened while nobody answered is there as well, and the tree goes on.
    own_shop.run("stop", "app/cache", "--why", "after the kill")
    expect(row(page, "cache")).to_contain_text("stopped by an operator")
    assert contiguous(page) > before
    expect(page.locator(".summary")).to_contain_text("started again once")
    go(page, dashboard, "events")
    expect(page.get_by_role("log")).to_contain_text("after the kill")
    dashboard.end()


def test_a_network_that_stands_still_is_noticed_and_survived(own_shop, new_page):
    dashboard = Dashboard(own_shop)
    page = new_page(dashboard.host)
    page.expected += ["ERR_", "503"]
    dashboard.enter(page)
    expect(row(page, "web")).to_contain_text("ready")
    go(page, dashboard, "child/web")
    expect(page.get_by_role("region", name="Why")).to_contain_text("ready")
    dashboard.halt()
    # Nothing waits for ever: what is asked now says so, and what is known stays in sight.
    page.get_by_role("link", name="Policy").click()
    expect(page.get_by_role("status").filter(has_text="Reading its policy")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("No answer within 15 s")
    expect(page.get_by_role("heading", level=1)).to_have_text("web")
    expect(page.locator("#line")).to_contain_text("Connection lost, trying again.")
    own_shop.run("stop", "web", "--why", "while nothing moved")
    dashboard.go_on()
    expect(page.locator("#line")).to_contain_text("Connected again; nothing was missed.")
    expect(page.locator(".child-title .badge")).to_have_text("down")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("table")).to_contain_text("restart")
    contiguous(page)
    dashboard.end()


def test_a_slow_network_shows_what_is_on_its_way(shop, new_page):
    dashboard = Dashboard(shop)
    page = new_page(dashboard.host)
    dashboard.enter(page)
    slow(page, milliseconds=600)
    go(page, dashboard, "child/broken")
    expect(page.get_by_role("region", name="Why")).to_contain_text("no such table")
    dashboard.end()


def test_two_thousand_children_are_as_quick_as_ten(many, new_page):
    dashboard = Dashboard(many)
    page = new_page(dashboard.host)
    dashboard.enter(page)
    tree = page.get_by_role("treegrid", name="Children")
    expect(tree).to_have_attribute("aria-rowcount", re.compile("^200[1-9]$"))
    # Only the rows in sight exist.
    assert tree.get_by_role("row").count() < 80
    assert page.evaluate("document.querySelectorAll('*').length") < 2_000

    def took(what):
        began = time.monotonic()
        what()
        return time.monotonic() - began

    def to_the_end():
        tree.focus()
        page.keyboard.press("End")
        expect(tree.get_by_role("row", selected=True)).to_contain_text("sleeper@2000")

    def search():
        page.get_by_label("Search the tree").fill("sleeper@1234")
        expect(tree.get_by_role("row")).to_have_count(2)
        page.get_by_label("Search the tree").fill("")
        expect(tree).to_have_attribute("aria-rowcount", re.compile("^200[1-9]$"))

    # Generous for a busy machine: a page that made a row for each child would need many times as long.
    assert took(to_the_end) < 5
    assert took(search) < 8
    # A hundred children that change at once are shown without a request for each.
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    many.run("stop", *[f"sleeper@{number}" for number in range(1, 101)], "--why", "many at once")
    page.get_by_role("button", name=re.compile("^Down")).click()
    expect(page.get_by_role("button", name=re.compile("^Down"))).to_contain_text("100")
    children = [url for url in asked if "/v1/children/" in url or "/v1/status" in url]
    assert len(children) < 100, len(children)
    assert tree.get_by_role("row").count() < 80
    contiguous(page)
    dashboard.end()


def test_nothing_is_asked_while_nothing_happens(new_page):
    from harness import Daemon

    with Daemon("name: quiet\nchildren:\n  still:\n    command: sleep 100000\n") as quiet:
        quiet.until_child("still", standing="ready")
        dashboard = Dashboard(quiet)
        page = new_page(dashboard.host)
        dashboard.enter(page)
        expect(row(page, "still")).to_contain_text("ready")
        go(page, dashboard, "child/still")
        expect(page.get_by_role("region", name="Why")).to_contain_text("ready")
        # Once what the page shows has been read, its clock goes on by itself: a second of it, and no request.
        page.wait_for_load_state("load")
        age = page.locator(".child-state time")
        page.wait_for_timeout(1_500)
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        first = age.inner_text()
        expect(age).not_to_have_text(first)
        second = age.inner_text()
        expect(age).not_to_have_text(second)
        assert asked == []
        dashboard.end()

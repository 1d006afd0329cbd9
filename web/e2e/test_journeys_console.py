"""The console of a child in a browser, and the terminal below it."""

import re

from harness import ROOT, Dashboard
from journeys import go
from playwright.sync_api import expect


def test_the_terminal_shows_what_the_table_says(page, dashboard):
    # The table is no part of the program: the page gets it from here instead of from the daemon.
    text = (ROOT / "web" / "e2e" / "terminal.js").read_text()
    page.route("**/web/e2e/terminal.js", lambda route: route.fulfill(body=text, content_type="text/javascript"))
    wrong = page.evaluate("async (url) => (await import(url)).check()", f"{dashboard.root}web/e2e/terminal.js")
    assert wrong == [], "\n".join(wrong)


def test_what_is_typed_reaches_the_child_and_everybody_who_looks(page, dashboard, shop, new_page):
    go(page, dashboard, "child/calc?view=console")
    expect(page.get_by_text("Nobody else is here.")).to_be_visible()
    field = page.get_by_label("Console of calc", exact=True)
    expect(field).to_be_focused()
    page.keyboard.type("six times seven\n")
    screen = page.locator(".term-rows")
    # Once as it is typed, once as `cat` says it again.
    expect(screen).to_contain_text(re.compile("six times seven\\s*six times seven"))
    other_board = Dashboard(shop, "--read-only")
    other = new_page(other_board.host)
    other_board.enter(other)
    go(other, other_board, "child/calc?view=console")
    # Who comes later sees what stood there before, and types nothing.
    expect(other.locator(".term-rows")).to_contain_text("six times seven")
    expect(page.get_by_text(re.compile("Also here: .*who only looks"))).to_be_visible()
    expect(other.get_by_label("Console of calc", exact=True)).to_have_attribute("readonly", "")
    page.keyboard.type("and more\n")
    expect(other.locator(".term-rows")).to_contain_text("and more")
    shop.run("restart", "calc", "--why", "to see the console stay")
    expect(page.locator(".console-state")).to_contain_text(re.compile("Run #[0-9]+ has begun"))
    page.keyboard.type("a new run\n")
    expect(screen).to_contain_text(re.compile("a new run\\s*a new run"))
    # The way out, for whoever has no mouse.
    page.keyboard.press("Control+]")
    expect(page.get_by_role("button", name="Leave the keyboard")).to_be_focused()
    other_board.end()


def test_a_long_paste_arrives_whole(page, dashboard):
    go(page, dashboard, "child/calc?view=console")
    expect(page.get_by_text(re.compile("Nobody else is here|Also here"))).to_be_visible()
    lines = "".join(f"line {number:05}\n" for number in range(20_000))
    page.get_by_label("Console of calc", exact=True).evaluate(
        """(field, text) => {
            const data = new DataTransfer();
            data.setData('text/plain', text);
            field.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
        }""",
        lines,
    )
    expect(page.locator(".term-rows")).to_contain_text("line 19999")


def test_a_child_without_a_terminal_says_which_key_gives_it_one(page, dashboard):
    page.expected += ["WebSocket", "409", "404", "426"]
    go(page, dashboard, "child/web?view=console")
    expect(page.locator(".console-state")).to_contain_text("terminal: true")


def test_a_console_comes_back_after_the_brain_was_killed(own_shop, new_page):
    dashboard = Dashboard(own_shop)
    page = new_page(dashboard.host)
    page.expected += ["WebSocket", "503", "502", "ERR_"]
    dashboard.enter(page)
    go(page, dashboard, "child/calc?view=console")
    page.get_by_label("Console of calc", exact=True).focus()
    page.keyboard.type("before\n")
    expect(page.locator(".term-rows")).to_contain_text(re.compile("before\\s*before"))
    own_shop.kill_brain()
    expect(page.locator(".console-state")).to_contain_text("Connected.")
    expect(page.locator(".term-rows")).to_contain_text("before")
    page.get_by_label("Console of calc", exact=True).focus()
    page.keyboard.type("after\n")
    expect(page.locator(".term-rows")).to_contain_text(re.compile("after\\s*after"))
    dashboard.end()

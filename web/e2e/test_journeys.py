"""What people do with the dashboard: find what is wrong, learn why, do something about it."""

import json
import re

import pytest
from journeys import give, go, row, standing
from playwright.sync_api import expect

PAGES = [
    "", "?state=trouble", "?sort=restarts", "child/broken", "child/app", "child/flaky?view=runs&run=1", "child/web?view=logs",
    "child/flaky?view=events", "child/web?view=policy", "alerts", "events", "simulate?path=flaky",
]  # fmt: skip


def test_a_failing_child_is_found_and_explained(page, dashboard, shop):
    shop.until_child("broken", standing="waiting")
    page.get_by_role("button", name=re.compile("^Needs attention")).click()
    assert "state=trouble" in page.url
    line = row(page, "broken")
    expect(line).to_contain_text("breaker open until")
    expect(line).to_contain_text("alert")
    expect(row(page, "web")).to_have_count(0)
    line.get_by_role("link", name="broken", include_hidden=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("broken")
    why = page.get_by_role("region", name="Why")
    expect(why).to_contain_text("exited with code 3: no such table")
    expect(why).to_contain_text("its breaker is open")
    gauge = page.get_by_role("meter", name=re.compile("failures in any 1m"))
    assert gauge.get_attribute("aria-valuemax") in ("2", "3")
    seen = page.get_by_role("region", name="What was seen")
    expect(seen).to_contain_text("no such table")
    expect(page.get_by_role("region", name="What comes next by itself")).to_contain_text("starts on trial")
    expect(page.get_by_role("region", name="What would change it")).to_contain_text("mainstay reset broken --start")
    runs = page.get_by_role("group", name="Runs of broken").get_by_role("link")
    assert runs.count() >= 1
    expect(runs.last).to_have_attribute("aria-label", re.compile("exited with code 3|failed with exit code 3"))


def test_the_tree_follows_what_happens(page, shop):
    expect(row(page, "cache")).to_contain_text("ready")
    shop.run("stop", "app/cache", "--why", "a look at the tree")
    expect(row(page, "cache")).to_contain_text("stopped by an operator")
    shop.run("start", "app/cache", "--why", "enough")
    expect(row(page, "cache")).to_contain_text("ready")


def test_the_tree_is_narrowed_by_words_labels_and_order(page):
    search = page.get_by_label("Search the tree")
    search.fill("team=back")
    expect(row(page, "app")).to_be_visible()
    expect(row(page, "web")).to_have_count(0)
    search.fill("cache")
    expect(row(page, "cache")).to_be_visible()
    expect(row(page, "db")).to_have_count(0)
    search.fill("no child is called so")
    expect(page.get_by_text("No child is like that.")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Search the tree")).to_have_value("no child is called so")
    page.get_by_label("Search the tree").fill("")
    page.get_by_label("Order").select_option("Most restarts first")
    expect(page.get_by_role("treegrid").get_by_role("row").nth(1)).to_contain_text("flaky")


def test_a_child_is_stopped_with_a_reason_and_started_again(page, dashboard, shop):
    go(page, dashboard, "child/app/db")
    standing(page, "ready")
    stop = page.get_by_role("region", name="Commands").get_by_role("button", name="Stop …")
    stop.click()
    dialog = page.get_by_role("dialog", name="Stop app/db?")
    expect(dialog).to_contain_text("it stays down, over reboots too, until somebody starts it")
    # Without a reason nothing is sent.
    dialog.get_by_role("button", name="Stop", exact=True).click()
    expect(dialog).to_be_visible()
    assert shop.child("app/db")["want"] == "up"
    run = shop.child("app/db")["run"]
    expect(dialog.get_by_label(f"Only if run #{run} is still the one that runs")).to_be_checked()
    dialog.get_by_label("Why").fill("the disk is replaced")
    with page.expect_request("**/v1/commands") as sent:
        dialog.get_by_role("button", name="Stop", exact=True).click()
    asked = json.loads(sent.value.post_data)
    assert asked["verb"] == {"stop": {}} and asked["if_run"] == run
    assert re.fullmatch("[0-9a-f]{32}", asked["id"])
    expect(page.get_by_role("status").filter(has_text="app/db")).to_be_visible()
    standing(page, "down")
    expect(page.get_by_role("region", name="Why")).to_contain_text("the disk is replaced")
    assert shop.child("app/db")["want"] == "down"
    give(page, "Start", "the disk is new")
    standing(page, "ready")


def test_what_is_not_possible_says_why_in_words(page, dashboard):
    go(page, dashboard, "child/web")
    commands = page.get_by_role("region", name="Commands")
    start = commands.get_by_role("button", name="Start", exact=True)
    expect(start).to_have_attribute("aria-disabled", "true")
    expect(start).to_have_accessible_description("It is started already.")
    expect(commands).to_contain_text("It is started already.")
    start.click(force=True)
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_command_for_another_run_is_refused_in_words(page, dashboard, shop):
    go(page, dashboard, "child/calc")
    page.get_by_role("region", name="Commands").get_by_role("button", name="Restart …").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Why").fill("it looked stuck")
    before = shop.child("calc")["run"]
    shop.run("restart", "calc", "--why", "somebody was faster")
    shop.until_child("calc", run=before + 1)
    page.expected.append("412")
    dialog.get_by_role("button", name="Restart", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text(f"run #{before + 1}")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_an_alert_is_acknowledged_by_name_and_reason(page, dashboard, shop):
    shop.until_child("broken", standing="waiting")
    go(page, dashboard, "alerts")
    card = page.get_by_role("list", name="Not acknowledged").get_by_role("listitem").filter(has_text="broken")
    expect(card).to_contain_text("its breaker opened")
    card.get_by_role("button", name="Acknowledge the alerts of broken").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Why").fill("the table is being restored")
    dialog.get_by_role("button", name="Acknowledge", exact=True).click()
    seen = page.get_by_role("list", name="Acknowledged", exact=True).get_by_role("listitem").filter(has_text="broken")
    expect(seen).to_contain_text("the table is being restored")
    alert = next(alert for alert in shop.child("broken")["alerts"])
    assert alert["seen_by"] in seen.inner_text()
    expect(page.get_by_text("Nothing needs anybody.")).to_be_visible()


def test_a_log_is_followed_paused_and_searched(page, dashboard):
    go(page, dashboard, "child/web?view=logs")
    log = page.get_by_role("log", name="Log of web")
    lines = log.locator(".log-line")
    expect(lines.first).to_contain_text("request 1 served")
    number = int(re.search(r"request (\d+)", lines.last.inner_text())[1])
    expect(log).to_contain_text(f"request {number + 3} served")
    page.get_by_role("button", name="Pause").click()
    go_on = page.get_by_role("button", name=re.compile(r"Follow \(\d+ new\)"))
    expect(go_on).to_be_visible()
    shown = lines.count()
    expect(page.get_by_role("button", name=re.compile(r"Follow \(([3-9]|\d\d+) new\)"))).to_be_visible()
    assert lines.count() == shown
    page.get_by_role("button", name=re.compile("Follow")).click()
    expect(log).to_contain_text(f"request {number + 6} served")
    # Each line once, in order: nothing was lost or doubled on the way.
    told = [int(found) for found in re.findall(r"request (\d+) served", log.inner_text())]
    assert told == list(range(1, told[-1] + 1))
    page.get_by_label("Search the log").fill("request 2 ")
    expect(log.locator("mark").first).to_have_text("request 2 ")
    page.get_by_label("Only what matches").check()
    expect(lines).to_have_count(1)


def test_a_log_of_a_child_that_has_none_says_so(page, dashboard):
    page.expected.append("404")
    go(page, dashboard, "child/app?view=logs")
    expect(page.get_by_role("main")).to_contain_text(re.compile("printed nothing yet|0 lines"))


def test_runs_lead_to_what_is_known_of_each(page, dashboard, shop):
    go(page, dashboard, "child/flaky?view=runs")
    table = page.get_by_role("region", name="Runs", exact=True).get_by_role("table")
    first = table.get_by_role("row").filter(has=page.get_by_role("link", name="#1", exact=True))
    expect(first).to_contain_text("exited with code 7: opening the till | the till is jammed")
    first.get_by_role("link").click()
    one = page.get_by_role("region", name="Run #1")
    expect(one).to_contain_text("opening the till")
    expect(one).to_contain_text("the till is jammed")
    expect(one).to_contain_text("What happened in it")
    one.get_by_role("link", name="After →").click()
    expect(page.get_by_role("region", name="Run #2")).to_contain_text("the till is jammed")
    page.go_back()
    expect(page.get_by_role("region", name="Run #1")).to_be_visible()


def test_events_come_in_order_without_a_gap(page, dashboard, shop):
    go(page, dashboard, "events")
    rows = page.get_by_role("log").locator(".feed-row")
    expect(rows.first).to_be_visible()
    seen = contiguous(page)
    shop.run("pause", "app/db", "--why", "to be seen")
    expect(page.get_by_role("log")).to_contain_text("to be seen")
    shop.run("resume", "app/db", "--why", "seen")
    assert contiguous(page) > seen
    page.get_by_label("Search the events").fill("commanded app/db")
    for text in rows.all_inner_texts():
        assert "app/db" in text


def contiguous(page):
    """Checks that the numbers of the events that the page knows grow by one, and returns the last."""
    numbers = page.evaluate(
        "async () => (await import(new URL('../web/state/tree.js', location.href.replace(/ui\\/.*/, 'ui/')).href)).tree.events.map((event) => event.seq)"
    )
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return numbers[-1]


def test_two_policies_are_played_side_by_side(page, dashboard, shop):
    go(page, dashboard, "simulate?path=flaky")
    figures = page.get_by_role("region", name="Figures").get_by_role("table")
    expect(figures.get_by_role("columnheader", name="systemd")).to_be_visible()
    expect(figures.get_by_role("row", name=re.compile("^Gives up"))).to_be_visible()
    picture = page.get_by_role("region", name="Picture")
    expect(picture).to_contain_text("what happened")
    page.get_by_role("combobox", name="Against").select_option("Lives that are made up")
    page.get_by_role("combobox", name="Policy B").select_option("Written here")
    page.get_by_label("Policy B as in a spec file").fill("backoff: { fixed: 5s }\nbudget: { count: failures, most: 3, within: 1m }")
    page.get_by_role("button", name="Play").click()
    expect(figures.get_by_role("row", name=re.compile("^Gives up"))).to_contain_text("after")
    url = page.url
    page.goto("about:blank")
    page.goto(url)
    expect(page.get_by_label("Policy B as in a spec file")).to_have_value(re.compile("fixed: 5s"))
    expect(page.get_by_role("region", name="Figures")).to_be_visible()
    page.expected.append("422")
    page.get_by_label("Policy B as in a spec file").fill("backof: 5s")
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("alert")).to_contain_text("backof")


def test_every_preset_that_is_offered_exists(page, dashboard):
    go(page, dashboard, "simulate")
    names = page.get_by_role("combobox", name="Policy B").locator("optgroup option").all_inner_texts()
    assert len(names) > 10
    for name in names:
        asked = {"policies": [{"preset": name}], "lives": {"dies_after": "3s", "times": 3, "exit": "1"}}
        status = page.evaluate(
            "async ([url, asked]) => (await fetch(url, {method: 'POST', headers: {'content-type': 'application/json'}, body: JSON.stringify(asked)})).status",
            [f"{dashboard.root}v1/simulate", asked],
        )
        assert status == 200, name


@pytest.mark.parametrize("path", PAGES)
def test_a_link_shows_somebody_else_the_same(page, dashboard, new_page, path):
    go(page, dashboard, path)
    other = new_page(dashboard.host)
    dashboard.enter(other)
    go(other, dashboard, path)
    assert other.url == page.url
    expect(other.get_by_role("heading", level=1)).to_have_text(page.get_by_role("heading", level=1).inner_text())


def test_what_is_not_there_says_so(page, dashboard):
    page.expected.append("404")
    go(page, dashboard, "child/nobody")
    expect(page.get_by_role("main")).to_contain_text("There is no child nobody in the tree.")
    go(page, dashboard, "nowhere/at/all")
    expect(page.get_by_role("main")).to_contain_text("There is no such page.")


def test_who_only_looks_is_told_so_and_can_change_nothing(looker, shop):
    page, dashboard = looker, looker.dashboard
    go(page, dashboard, "child/web")
    commands = page.get_by_role("region", name="Commands")
    expect(commands.get_by_role("button").first).to_be_visible()
    for button in commands.get_by_role("button").all():
        expect(button).to_have_attribute("aria-disabled", "true")
    expect(commands).to_contain_text(re.compile("role (operator|admin)"))
    expect(page.get_by_role("banner")).to_contain_text("viewer")
    shop.until_child("broken", standing="waiting")
    expect(page.get_by_role("button", name="Do it …")).to_have_count(0)

"""The dashboard for whoever has no mouse, no large screen, no eye for colours, or wants no motion."""

import re

import pytest
from journeys import go, row
from playwright.sync_api import expect
from test_journeys import PAGES

# Everything that can be operated has a name, ids are there once, pictures are named or hidden, headings begin with one,
# tables have heads, and what stands on something can be read.
RULES = """
() => {
  const wrong = [];
  const shown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: false });
  const named = (element) => {
    const by = (element.getAttribute('aria-labelledby') ?? '').split(' ').map((id) => document.getElementById(id)?.textContent ?? '').join('');
    const label = element.labels ? [...element.labels].map((one) => one.textContent).join('') : '';
    return (element.getAttribute('aria-label') || by || label || element.textContent || element.getAttribute('title') || '').trim();
  };
  const operable = 'a[href], button, input, select, textarea, summary, [role=link], [role=meter], [role=treegrid], [role=group], dialog, nav, aside';
  for (const element of document.querySelectorAll(operable)) {
    if (shown(element) && !element.closest('[aria-hidden=true]') && named(element) === '') wrong.push(`no name: ${element.outerHTML.slice(0, 120)}`);
  }
  const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
  for (const id of new Set(ids)) if (ids.filter((one) => one === id).length > 1) wrong.push(`id ${id} is there twice`);
  for (const id of ids) if (/\\s/.test(id)) wrong.push(`id with a space: ${id}`);
  for (const attribute of ['aria-labelledby', 'aria-describedby', 'aria-activedescendant']) {
    for (const element of document.querySelectorAll(`[${attribute}]`)) {
      for (const id of element.getAttribute(attribute).split(' ')) if (!document.getElementById(id)) wrong.push(`${attribute} names ${id}, which is not there`);
    }
  }
  if (document.querySelectorAll('h1').length !== 1) wrong.push(`${document.querySelectorAll('h1').length} headings of the first level`);
  let level = 0;
  for (const heading of document.querySelectorAll('h1, h2, h3')) {
    if (!shown(heading)) continue;
    const own = Number(heading.tagName[1]);
    if (own > level + 1) wrong.push(`${heading.tagName} ${heading.textContent} after level ${level}`);
    level = own;
  }
  for (const landmark of ['header', 'main']) if (document.querySelectorAll(landmark).length < 1) wrong.push(`no ${landmark}`);
  for (const table of document.querySelectorAll('table')) if (!table.querySelector('th[scope]')) wrong.push('a table without heads');
  for (const part of document.querySelectorAll('svg')) {
    if (shown(part) && part.getAttribute('aria-hidden') !== 'true' && !part.getAttribute('aria-label')) wrong.push(`a picture without a name: ${part.outerHTML.slice(0, 80)}`);
  }

  // Contrast of every text with what lies behind it, as drawn: 4.5, and 3 where it is large.
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 1;
  const brush = canvas.getContext('2d', { willReadFrequently: true });
  const paint = (colours) => {
    brush.clearRect(0, 0, 1, 1);
    for (const colour of colours) { brush.fillStyle = colour; brush.fillRect(0, 0, 1, 1); }
    return [...brush.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((one) => one / 255).map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (walker.currentNode.textContent.trim() === '' || !shown(element) || element.closest('.visually-hidden, .skip, svg, .term-field, noscript, option')) continue;
    const layers = [];
    for (let one = element; one; one = one.parentElement) layers.unshift(getComputedStyle(one).backgroundColor);
    const style = getComputedStyle(element);
    const [front, back] = [light(paint([...layers, style.color])), light(paint(layers))];
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.6 && Number(style.fontWeight) >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) wrong.push(`contrast ${ratio.toFixed(2)}: "${walker.currentNode.textContent.trim().slice(0, 40)}" in ${element.className || element.tagName}`);
  }
  return [...new Set(wrong)];
}
"""


def settle(page):
    """Waits until nothing on the page is on its way."""
    page.locator(".tree-row, .story-first, .log-line, .feed-row, td, .alert-card, .runs").first.wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_has_a_name_and_can_be_read(shop, dashboard, new_page, scheme):
    shop.until_child("broken", standing="waiting")
    page = new_page(dashboard.host, color_scheme=scheme)
    dashboard.enter(page)
    wrong = []
    for path in PAGES:
        go(page, dashboard, path)
        settle(page)
        wrong += [f"/{path}: {one}" for one in page.evaluate(RULES)]
    go(page, dashboard, "child/web")
    page.get_by_role("region", name="Commands").get_by_role("button", name="Stop …").click()
    wrong += [f"dialog: {one}" for one in page.evaluate(RULES)]
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys and signs").wait_for()
    wrong += [f"keys: {one}" for one in page.evaluate(RULES)]
    assert not wrong, "\n".join(wrong)


def test_the_colours_are_chosen_and_kept(page, dashboard):
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    switch = page.get_by_role("button", name=re.compile("^Colours"))
    switch.click()
    expect(switch).to_have_accessible_name(re.compile("Colours: light"))
    assert page.evaluate(ground) == light
    switch.click()
    expect(switch).to_have_accessible_name(re.compile("Colours: dark"))
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    expect(switch).to_have_accessible_name(re.compile("Colours: dark"))
    assert page.evaluate(ground) == dark


def test_a_state_is_never_told_by_colour_alone(page):
    # Its breaker opens with the third failure: until then it waits like any other.
    for name, sign in [("web", "ready"), ("broken", "broken")]:
        expect(row(page, name).locator(".sign").first).to_have_attribute("data-sign", sign)
        expect(row(page, name).locator(".cell-state")).not_to_be_empty()


@pytest.mark.parametrize("path", PAGES)
def test_it_fits_a_narrow_window(dashboard, new_page, path):
    page = new_page(dashboard.host, viewport={"width": 400, "height": 800})
    dashboard.enter(page)
    go(page, dashboard, path)
    settle(page)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 400, f"{path} is {wide} wide"


def test_everything_is_reached_with_the_keyboard(page, dashboard, shop):
    shop.until_child("broken", standing="waiting")
    expect(row(page, "web")).to_be_visible()
    press = page.keyboard.press
    press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    press("/")
    expect(page.get_by_label("Search the tree")).to_be_focused()
    page.keyboard.type("app")
    press("Tab")
    press("Tab")
    tree = page.get_by_role("treegrid")
    expect(tree).to_be_focused()
    chosen = tree.get_by_role("row", selected=True)
    expect(chosen).to_contain_text("app")
    press("Shift+Tab")
    press("Shift+Tab")
    page.get_by_label("Search the tree").fill("")
    page.get_by_label("Search the tree").blur()
    tree.focus()
    press("Home")
    press("End")
    expect(chosen).to_contain_text("cache")
    press("ArrowLeft")
    expect(chosen).to_contain_text("app")
    expect(chosen).to_have_attribute("aria-expanded", "true")
    press("ArrowLeft")
    expect(chosen).to_have_attribute("aria-expanded", "false")
    expect(row(page, "cache")).to_have_count(0)
    press("ArrowRight")
    expect(row(page, "cache")).to_be_visible()
    press("ArrowRight")
    expect(chosen).to_contain_text("db")
    press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("db")
    press("3")
    expect(page.get_by_role("link", name="Logs")).to_have_attribute("aria-current", "page")
    press("g")
    press("a")
    expect(page.get_by_role("heading", level=1)).to_have_text("Alerts")
    press("?")
    dialog = page.get_by_role("dialog", name="Keys and signs")
    expect(dialog).to_be_visible()
    press("Escape")
    expect(dialog).to_have_count(0)
    # The picture of runs: one run after another, and to its post-mortem.
    go(page, dashboard, "child/flaky")
    runs = page.get_by_role("group", name="Runs of flaky")
    runs.get_by_role("link").nth(2).wait_for()
    runs.locator("[tabindex='0']").focus()
    press("Home")
    told = page.locator(".picture-told")
    expect(told).to_contain_text(re.compile("#[0-9]+"))
    first = told.inner_text()
    press("ArrowRight")
    expect(told).not_to_have_text(first)
    press("Home")
    press("Enter")
    expect(page.get_by_role("region", name=re.compile("^Run #"))).to_be_visible()


def test_a_command_is_given_with_the_keyboard_alone(page, dashboard, shop):
    go(page, dashboard, "child/app/cache")
    button = page.get_by_role("region", name="Commands").get_by_role("button", name="Pause …")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_label("Why")).to_be_focused()
    page.keyboard.type("no mouse here")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert shop.until_child("app/cache", paused=True)
    # The keyboard is where it was, whatever has become of the list.
    expect(page.get_by_role("button", name=re.compile("^Pause"))).to_be_focused()
    shop.run("resume", "app/cache", "--why", "done")


def test_live_regions_do_not_chatter(page, dashboard):
    """What a screen reader is told by itself: nothing, as long as only children change."""
    go(page, dashboard, "child/flaky")
    page.get_by_role("region", name="Why").get_by_text("exited with code 7").first.wait_for()
    page.evaluate(
        """() => {
            window.told = [];
            for (const region of document.querySelectorAll('[aria-live=polite], [role=status], [role=alert]')) {
                new MutationObserver(() => window.told.push(region.textContent)).observe(region, { childList: true, characterData: true, subtree: true });
            }
        }"""
    )
    story = page.get_by_role("region", name="Why")
    first = story.inner_text()
    expect(story).not_to_have_text(first)
    page.wait_for_function("document.querySelectorAll('.child-state').length === 1")
    assert [text for text in page.evaluate("window.told") if text.strip()] == []


def test_whoever_wants_no_motion_gets_none(dashboard, new_page):
    page = new_page(dashboard.host, reduced_motion="reduce")
    dashboard.enter(page)
    row(page, "web").wait_for()
    moving = page.evaluate("document.getAnimations().filter((one) => one.playState === 'running').length")
    assert moving == 0

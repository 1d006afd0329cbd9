"""Pages and files, who gets in, and what other pages cannot do."""

import os

from harness import CERTIFICATES, Daemon, Dashboard, Stranger, free_port, slow, until

TOKENS = {"looker": ("viewer", "0123456789abcdef0123456789abcdef"), "boss": ("admin", "f" * 40)}


def me(page):
    """Who the browser is, as the API sees it."""
    return page.evaluate(
        "async () => (await fetch(location.href.replace(/\\/ui\\/.*/, '/v1/me'))).json()"
    )


def test_the_address_leads_to_the_dashboard(page, dashboard):
    assert page.url == dashboard.url()
    assert "ainstay" in page.title() or "shop" in page.title()
    assert me(page)["role"] == "admin"
    assert page.evaluate("document.cookie") == "", "no script reads the cookie"


def test_a_link_leads_to_what_it_names(page, dashboard):
    for path in ["child/app/db", "child/app%2Fdb", "alerts", "events", "simulate", "child/web?tab=logs"]:
        answer = page.goto(dashboard.url(path))
        assert answer.status == 200, path
        policy = answer.header_value("content-security-policy")
        assert policy.startswith("default-src 'none'; script-src 'self'"), policy
        assert page.evaluate("document.styleSheets.length") > 0, "its files were found"


def test_a_script_in_the_page_does_not_run(page):
    page.expected.append("Content Security Policy")
    page.evaluate(
        """() => {
            const script = document.createElement('script');
            script.textContent = 'window.stolen = true';
            document.body.append(script);
            const image = document.createElement('img');
            image.src = 'http://127.0.0.1:9/x';
            image.setAttribute('onerror', 'window.stolen = true');
            document.body.append(image);
        }"""
    )
    assert page.evaluate("window.stolen") is None
    reached = page.evaluate(
        "fetch('http://127.0.0.1:9/').then(() => 'reached', (error) => error.name)"
    )
    assert reached == "TypeError"
    # The policy stops what would have gone there; the browser tells of the attempt all the same.
    page.hosts.add("127.0.0.1:9")


def test_it_comes_up_over_a_slow_network(new_page, dashboard):
    page = new_page(dashboard.host)
    slow(page)
    dashboard.enter(page)
    page.wait_for_load_state("load")
    assert page.evaluate("document.styleSheets.length") > 0


def test_whoever_only_looks_is_a_viewer(looker):
    assert me(looker)["role"] == "viewer"
    looker.expected.append("403")
    status = looker.evaluate(
        """async () => (await fetch(location.href.replace(/\\/ui\\/.*/, '/v1/commands'), {
            method: 'POST',
            headers: {'content-type': 'application/json'},
            body: JSON.stringify({verb: {stop: {}}, target: 'web', why: 'a test'}),
        })).status"""
    )
    assert status == 403


def test_without_the_address_nobody_gets_in(new_page, dashboard):
    page = new_page(dashboard.host)
    page.expected.append("401")
    for path in ["", "ui/", "v1/status", "0123456789abcdef0123456789abcdef"]:
        assert page.goto(f"http://{dashboard.host}/{path}").status == 401, path
        assert "mainstay dashboard" in page.inner_text("body")


ATTACK = """<!doctype html><title>somebody else</title><link rel="icon" href="data:,"><body><script>
const there = '%s', told = {};
const body = JSON.stringify({verb: {stop: {}}, target: 'web', why: 'stolen'});
async function go() {
  for (const [name, type] of [['json', 'application/json'], ['text', 'text/plain']]) {
    await fetch(there + 'v1/commands', {method: 'POST', credentials: 'include', body,
      headers: {'content-type': type}}).then((a) => told[name] = a.status, (e) => told[name] = e.name);
  }
  await fetch(there + 'v1/status', {credentials: 'include'})
    .then((a) => told.read = a.status, (e) => told.read = e.name);
  await new Promise((done) => {
    const socket = new WebSocket(there.replace('http', 'ws') + 'v1/console/calc');
    socket.onopen = () => { told.socket = 'open'; done(); };
    socket.onerror = () => { told.socket = 'refused'; done(); };
  });
  document.title = JSON.stringify(told);
}
go();
</script></body>"""


def test_a_page_of_somebody_else_reaches_nothing(page, dashboard, shop):
    stranger = Stranger(ATTACK % dashboard.root)
    page.hosts.add(stranger.host)
    page.expected += ["CORS", "401", "403", "WebSocket", "Failed to load"]
    page.goto(stranger.address)
    page.wait_for_function("document.title.startsWith('{')")
    told = page.evaluate("JSON.parse(document.title)")
    assert told == {
        "json": "TypeError",
        "text": "TypeError",
        "read": "TypeError",
        "socket": "refused",
    }
    assert shop.child("web")["standing"] == "ready", "nothing was stopped"
    assert not any("mainstay" in cookie for cookie in stranger.cookies), "it was not sent there"
    stranger.end()


def test_nobody_shows_it_in_a_frame(page, dashboard):
    stranger = Stranger(f'<!doctype html><link rel="icon" href="data:,"><iframe src="{dashboard.url()}"></iframe>')
    page.hosts.add(stranger.host)
    page.expected += ["frame-ancestors", "401", "Failed to load", "frame"]
    page.goto(stranger.address)
    page.wait_for_load_state("load")
    inside = page.frames[-1]
    until("the frame has settled", lambda: inside.url != "")
    assert inside.locator("main").count() == 0
    stranger.end()


def test_it_goes_on_after_the_brain_has_died(own_shop, new_page):
    dashboard = Dashboard(own_shop)
    page = new_page(dashboard.host)
    page.expected += ["503", "ERR_INCOMPLETE_CHUNKED_ENCODING", "Failed to load", "network error"]
    dashboard.enter(page)
    own_shop.kill_brain()
    answer = page.goto(dashboard.url("child/web"))
    until("it answers", lambda: answer.status == 200 or page.reload().status == 200)
    assert me(page)["role"] == "admin"
    dashboard.end()


def test_signing_in_over_tcp(new_page, tmp_path):
    port = free_port()
    tokens = tmp_path / "tokens"
    lines = [f"{name} {role} {token}\n" for name, (role, token) in TOKENS.items()]
    tokens.write_text("".join(lines))
    os.chmod(tokens, 0o600)
    spec = f"""
name: far
children:
  web: sleep 100000
api:
  tcp:
    listen: 127.0.0.1:{port}
    certificate: {CERTIFICATES / "server.pem"}
    key: {CERTIFICATES / "server.key"}
    tokens: {tokens}
"""
    host = f"localhost:{port}"
    with Daemon(spec) as daemon:
        daemon.until_child("web", standing="ready")
        page = new_page(host, ignore_https_errors=True)
        page.expected += ["401", "Failed to load"]
        page.goto(f"https://{host}/ui/child/web")
        token = page.get_by_label("Token")
        token.fill("not the token, by far too short")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("alert").filter(has_text="no such token").wait_for()
        role, secret = TOKENS["looker"]
        token.fill(secret)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Token").wait_for(state="detached")
        assert page.url == f"https://{host}/ui/child/web", "the page that was asked for"
        found = me(page)
        assert (found["role"], found["name"]) == (role, "token looker")
        assert page.evaluate("document.cookie") == ""
        [cookie] = page.context.cookies()
        assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")
        # A link from elsewhere leads there as well, though the browser does not show the cookie at first.
        stranger = Stranger(f'<!doctype html><link rel="icon" href="data:,"><a href="https://{host}/ui/alerts">look</a>')
        page.hosts.add(stranger.host)
        page.goto(stranger.address)
        page.get_by_role("link", name="look").click()
        page.wait_for_url("**/ui/alerts")
        page.get_by_label("Token").wait_for(state="detached")
        assert me(page)["role"] == role
        page.evaluate(
            """fetch('../v1/sign-out', {
                method: 'POST', body: '{}', headers: {'content-type': 'application/json'},
            })"""
        )
        page.goto(f"https://{host}/ui/")
        page.get_by_label("Token").wait_for()
        assert page.context.cookies() == []
        stranger.end()


CONSOLE = """async ([path, text]) => {
    const there = location.href.replace(/\\/ui\\/.*/, '/v1/console/').replace('http', 'ws');
    const socket = new WebSocket(there + path);
    socket.binaryType = 'arraybuffer';
    let seen = '';
    return await new Promise((done) => {
        socket.onopen = () => socket.send(new TextEncoder().encode(text + '\\r'));
        socket.onerror = () => done('refused');
        socket.onmessage = (message) => {
            if (typeof message.data !== 'string') seen += new TextDecoder().decode(message.data);
            // Once as the terminal shows what is typed, once as the program says it again.
            if (seen.split(text).length > 2) { socket.close(); done('heard'); }
        };
    });
}"""


def test_a_console_goes_through(page):
    assert page.evaluate(CONSOLE, ["calc", "two times two"]) == "heard"


def test_whoever_only_looks_does_not_type(looker):
    looker.expected.append("WebSocket")
    assert looker.evaluate(CONSOLE, ["calc", "two times two"]) == "refused"

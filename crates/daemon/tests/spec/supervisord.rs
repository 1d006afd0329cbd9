//! Where supervisord's language is spoken.

use crate::support::{bad, declared, good, spec};
use mainstay_daemon::api::Role;
use mainstay_daemon::supervisord::Listen;

const CHILD: &str = "children:\n  web: sleep 1\n";

fn text(keys: &str) -> String {
    format!("supervisord: {{{keys}}}\n{CHILD}")
}

#[test]
fn it_is_spoken_where_the_file_says_so() {
    assert!(good(CHILD).supervisord.is_none());
    let settings = good(&text("listen: \"unix:/run/s.sock\"")).supervisord.expect("it is there");
    assert_eq!(settings.listen, [Listen::Unix("/run/s.sock".into())]);
    assert_eq!((settings.mode, settings.login, settings.role), (0o600, None, Role::Admin));
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("password");
    std::fs::write(&secret, "very-secret\n").expect("written");
    let login = format!("user: op, password: {{file: \"{}\"}}", secret.display());
    let whole = format!(
        "listen: [\"unix:///a\", s.sock, \"127.0.0.1:9001\"], mode: \"0660\", role: viewer, {login}"
    );
    let told = bad(&text(&whole)).to_string();
    assert!(told.contains("`s.sock` is no place to listen at"), "{told}");
    let whole = whole.replace("s.sock", "./s.sock");
    let settings = good(&text(&whole)).supervisord.expect("it is there");
    let [Listen::Unix(one), Listen::Unix(two), Listen::Tcp(port)] = &settings.listen[..] else {
        panic!("{settings:?}")
    };
    assert_eq!((one.to_str(), port.port()), (Some("/a"), 9001));
    assert!(two.is_absolute() && two.ends_with("s.sock"), "{two:?}");
    assert_eq!((settings.mode, settings.role), (0o660, Role::Viewer));
    assert_eq!(settings.login, Some(("op".into(), "very-secret".into())));
    assert!(!format!("{settings:?}").contains("very-secret"));
    let open = format!("listen: \"0.0.0.0:0\", beyond_loopback: true, {login}");
    assert!(good(&text(&open)).supervisord.is_some());
}

#[test]
fn what_would_let_in_anybody_or_nobody_is_refused() {
    let table = [
        ("mode: \"0600\"", "supervisord needs `listen`"),
        ("listen: nowhere", "`nowhere` is no place to listen at"),
        ("listen: \"unix:\"", "is no place to listen at"),
        ("listen: \"127.0.0.1:1\"", "who comes by TCP must say a user and a password"),
        ("listen: \"0.0.0.0:1\", user: a, password: {env: TOKEN}", "there is no TLS"),
        ("listen: \"127.0.0.1:1\", user: a", "mean nothing without each other"),
        (
            "listen: \"127.0.0.1:1\", user: a, password: {file: /nowhere}",
            "the password cannot be read",
        ),
        (
            "listen: \"unix:/a\", user: a, password: {env: TOKEN}",
            "nobody is asked for this password",
        ),
        ("listen: [\"unix:/a\", \"unix:/a\"]", "stands twice"),
        ("listen: \"unix:/a\", role: king", "role"),
    ];
    for (keys, expected) in table {
        let told = bad(&text(keys)).to_string();
        assert!(told.contains(expected), "{keys}: {told}");
    }
}

#[test]
fn processes_know_who_they_are_there() {
    let file = "supervisord: {listen: [\"unix:/run/s.sock\", \"127.0.0.1:0\"], user: a, password: {env: TOKEN}}\n\
                children:\n  app:\n    children:\n      web: sleep 1\n  one@1..2: sleep 1\n  \
                own: {command: sleep 1, environment: {SUPERVISOR_ENABLED: mine}}\n";
    let loaded = good(file);
    let shown = |path: &str| {
        let payload = declared(&spec(&loaded), path).payload.expect("a process");
        let form = payload.form().expect("it was read from a text");
        serde_json::from_str::<serde_json::Value>(form).expect("JSON")
    };
    let web = shown("app/web");
    for (name, value) in [
        ("SUPERVISOR_ENABLED", "1"),
        ("SUPERVISOR_GROUP_NAME", "app"),
        ("SUPERVISOR_PROCESS_NAME", "web"),
        ("SUPERVISOR_SERVER_URL", "unix:///run/s.sock"),
    ] {
        assert_eq!(web["environment"][name].to_string().trim_matches('"'), value, "{web}");
    }
    assert_eq!(shown("one@2")["environment"]["SUPERVISOR_GROUP_NAME"], "one");
    assert_eq!(shown("own")["environment"]["SUPERVISOR_ENABLED"], "mine");
}

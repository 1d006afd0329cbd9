//! What is shown and sent to others: `observe` and `otlp`.

use crate::support::{bad, good};

const CHILD: &str = "children:\n  web: sleep 1\n";

#[test]
fn nothing_is_served_or_sent_unless_the_file_says_so() {
    let loaded = good(CHILD);
    assert_eq!(loaded.observe, mainstay_wire::spec::Observe::default());
    assert_eq!(loaded.observe.listen, None);
    assert!(loaded.otlp.is_none());
}

#[test]
fn a_port_for_scrapers_is_on_this_machine_unless_it_is_said_otherwise() {
    let text = |keys: &str| format!("observe: {{{keys}}}\n{CHILD}");
    let loaded = good(&text("listen: \"127.0.0.1:9480\", names: true, children: 20"));
    assert_eq!(loaded.observe.listen, Some("127.0.0.1:9480".parse().expect("an address")));
    assert_eq!((loaded.observe.names, loaded.observe.children), (true, 20));
    assert!(good(&text("listen: \"[::1]:0\"")).observe.listen.is_some());
    assert!(good(&text("listen: \"0.0.0.0:0\", beyond_loopback: true")).observe.listen.is_some());
    let told = bad(&text("listen: \"0.0.0.0:9480\"")).to_string();
    assert!(told.contains("whoever reaches this address could see the numbers"), "{told}");
    assert!(told.contains("beyond_loopback: true"), "{told}");
    let told = bad(&text("listen: here")).to_string();
    assert!(told.contains("numbers cannot be served there"), "{told}");
}

#[test]
fn a_collector_is_named_and_its_secrets_are_not_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("token");
    std::fs::write(&secret, "Bearer very-secret\n").expect("it can be written");
    let text = |keys: &str| format!("otlp: {{{keys}}}\n{CHILD}");
    let endpoint = "endpoint: \"https://collector.example.org:4318\"";
    let header = format!("headers: {{authorization: {{file: \"{}\"}}}}", secret.display());
    let loaded = good(&text(&format!("{endpoint}, {header}, output: true, every: 1s")));
    let shown = format!("{:?}", loaded.otlp.expect("it is there"));
    assert!(shown.contains("authorization") && shown.contains("output: true"), "{shown}");
    assert!(shown.contains("every: 1s"), "{shown}");
    assert!(!shown.contains("very-secret"), "{shown}");
    let table = [
        (
            "endpoint: \"ftp://x\"".to_owned(),
            "nothing can be sent to `ftp://x`: it begins with neither `http://` nor `https://`",
        ),
        ("traces: true".to_owned(), "otlp needs `endpoint`"),
        (
            format!("{endpoint}, headers: {{authorization: {{file: /nowhere}}}}"),
            "the header `authorization` cannot be read: the file `/nowhere` cannot be read",
        ),
        (
            format!("{endpoint}, headers: {{\"a b\": {{env: PATH}}}}"),
            "`a b` is no name of a header",
        ),
        (format!("{endpoint}, timeout: 0s"), "nobody answers in no time"),
        (format!("{endpoint}, queue: 0"), "queue"),
    ];
    for (keys, expected) in table {
        let told = bad(&text(&keys)).to_string();
        assert!(told.contains(expected), "{keys}: {told}");
    }
    // What stands there by mistake is not shown in the message about it.
    for keys in [
        "endpoint: \"https://me:very-secret@example.org\"".to_owned(),
        format!("{endpoint}, headers: {{authorization: Bearer very-secret}}"),
    ] {
        let told = bad(&text(&keys)).to_string();
        assert!(!told.contains("very-secret"), "{told}");
    }
}

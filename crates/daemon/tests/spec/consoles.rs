//! Consoles on the network: what each key of `console` makes.

use crate::support::{bad, declared, good, spec};
use mainstay_wire::spec::{Console, Endpoint, Mode};
use std::path::PathBuf;

fn console(written: &str) -> Console {
    let loaded = good(&format!("children: {{ioc: {{command: ./st.cmd a, console: {written}}}}}"));
    loaded.consoles["ioc"].console.clone()
}

fn tcp(text: &str) -> Endpoint {
    Endpoint::Tcp(text.parse().expect("an address"))
}

#[test]
fn places_are_of_this_machine_unless_others_are_allowed() {
    assert_eq!(console("2000").listen, [tcp("127.0.0.1:2000")]);
    assert_eq!(console("[2000, '[::1]:2001']").listen, [tcp("127.0.0.1:2000"), tcp("[::1]:2001")]);
    let both = console("{listen: 2000, log_listen: 2001}");
    assert_eq!(
        (both.listen, both.log_listen),
        (vec![tcp("127.0.0.1:2000")], vec![tcp("127.0.0.1:2001")])
    );
    assert_eq!(console("{listen: 2000, allow: true}").listen, [tcp("0.0.0.0:2000")]);
    let far = bad("children: {ioc: {command: ./x, console: '10.0.0.7:2000'}}").to_string();
    assert!(far.contains("can be reached from other machines"), "{far}");
    let Some(Endpoint::Unix { path, mode, .. }) = console("'unix:::0660:ioc.sock'").listen.pop()
    else {
        panic!("no socket")
    };
    assert_eq!((path, mode), (PathBuf::from("/spec/ioc.sock"), Some(0o660)));
}

#[test]
fn every_key_has_its_effect() {
    let plain = console("2000");
    assert_eq!((plain.title.as_str(), plain.command.as_str()), ("ioc", "./st.cmd"));
    assert_eq!((plain.folder.as_str(), plain.time.as_str()), ("/spec", "%c"));
    assert_eq!((plain.keys.kill, plain.keys.restart), (Some(0x18), Some(0x12)));
    assert_eq!((plain.keys.toggle, plain.keys.quit, plain.keys.logout), (Some(0x14), None, None));
    let keys = "{listen: 1, keys: {kill: ^K, restart: ^B, toggle: '', quit: ^Q, logout: ^D}}";
    let keys = console(keys).keys;
    assert_eq!((keys.kill, keys.restart, keys.toggle), (Some(0x0b), Some(0x02), None));
    assert_eq!((keys.quit, keys.logout), (Some(0x11), Some(0x04)));
    assert_eq!(console("{listen: 1, ignore: ^C^D^^}").ignore, [3, 4, b'^']);
    assert_eq!(console("{listen: 1, title: My IOC}").title, "My IOC");
    assert_eq!(console("{listen: 1, info_file: info}").info_file, Some("/spec/info".into()));
    assert_eq!(console("{listen: 1, time: '%X'}").time, "%X");
    let transcript = console("{transcript: log}").transcript.expect("one");
    assert_eq!((transcript.path, transcript.stamp), ("/spec/log".into(), None));
    let transcript = console("{transcript: {path: '-', stamp: '[%X] '}}").transcript.expect("one");
    assert_eq!((transcript.path, transcript.stamp.as_deref()), ("-".into(), Some("[%X] ")));
    for (word, mode) in [("on", Mode::On), ("off", Mode::Off), ("oneshot", Mode::Oneshot)] {
        assert_eq!(console(&format!("{{mode: {word}}}")).mode, Some(mode));
    }
}

#[test]
fn a_child_with_a_console_has_a_terminal_and_is_told_of_it() {
    let shown = |written: &str| {
        let loaded = good(&format!("children: {{ioc: {{command: ./x, {written}}}}}"));
        format!("{:?}", declared(&spec(&loaded), "ioc"))
    };
    let with = shown("console: {listen: 2000, log_listen: 2001}");
    assert!(with.contains("Terminal { rows: 24, columns: 80 }"), "{with}");
    assert!(with.contains("CTL=tcp:127.0.0.1:2000;LOG=tcp:127.0.0.1:2001"), "{with}");
    assert!(!shown("console: 0").contains("PROCSERV_INFO"), "the port is not known yet");
    let own = shown("console: 2000, environment: {PROCSERV_INFO: mine}");
    assert!(own.contains("mine") && !own.contains("CTL="), "{own}");
    // What begins in a mode is begun by its console.
    assert!(shown("console: {listen: 1, mode: on}").contains("OnDemand"));
    assert!(!shown("console: {listen: 1}").contains("OnDemand"));
}

#[test]
fn the_toggle_key_makes_a_child_that_runs_once_and_may_end_the_tree() {
    let declared = |written: &str| {
        let loaded = good(&format!("children: {{ioc: {{command: ./x, {written}}}}}"));
        let console = loaded.consoles["ioc"].clone();
        (format!("{:?}", console.always), format!("{:?}", console.once))
    };
    let (always, once) = declared("restart: on-failure, console: 1");
    assert!(always.contains("OnFailure") && once.contains("Never"), "{always} {once}");
    assert!(!once.contains("Some(Critical)"), "{once}");
    let (always, once) = declared("restart: never, console: {listen: 1, keys: {quit: ^Q}}");
    assert!(always.contains("Always") && once.contains("Some(Critical)"), "{always} {once}");
    let (_, once) =
        declared("restart: never, console: {listen: 1, keys: {quit: ^Q}}}, b: {command: ./x");
    assert!(!once.contains("Some(Critical)"), "others do not end with it: {once}");
}

#[test]
fn two_consoles_at_one_place_are_refused() {
    let table = [
        (
            "a: {command: ./x, console: 2000}\n  b: {command: ./x, console: 2000}",
            "b and a both listen at",
        ),
        (
            "a: {command: ./x, console: {listen: 'unix:c.sock'}}\n  b: {command: ./x, console: {listen: 2000, log_listen: 'unix:c.sock'}}",
            "b and a both listen at",
        ),
        ("a: {command: ./x, instances: 2, console: 2000}", "a@2 and a@1 both listen at"),
        ("a: {command: ./x, console: {listen: 2000, log_listen: 2000}}", "a and a both listen at"),
    ];
    for (children, expected) in table {
        let said = bad(&format!("children:\n  {children}\n")).to_string();
        assert!(said.contains(expected) && said.contains("mainstay.yaml:"), "{said}");
    }
    good("children: {a: {command: ./x, instances: 2, console: 0}}");
    good("children: {a: {command: ./x, console: 2000}, b: {command: ./x, console: '[::1]:2000'}}");
}

#[test]
fn what_a_console_can_never_do_is_worth_knowing() {
    let warned = |text: &str| -> Vec<String> {
        good(text).warnings.iter().map(ToString::to_string).collect()
    };
    let keys = "children: {a: {command: ./x, console: {listen: 1, keys: {restart: ^X, quit: q}}}}";
    assert_eq!(warned(keys), ["mainstay.yaml:1:30: a: ^X means `kill`, and `restart` never"]);
    let once = "a: {command: ./x, restart: never, console: {listen: 1, keys: {quit: ^Q}}}";
    assert_eq!(warned(&format!("children: {{{once}}}")), [""; 0]);
    assert_eq!(
        warned(&format!("children: {{{once}, b: ./y}}")),
        [
            "mainstay.yaml:1:46: a: ONESHOT ends the program with its run only where the child is the only one"
        ]
    );
}

//! Daemons that are not there, that are something else, or that come back.

use crate::fake::{Answer, Fake, file, mainstay};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::Output;

/// Checks how a command ended, and that it says this on its error output.
#[track_caller]
fn ends(output: &Output, code: i32, says: &str) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains(says), "`{says}` is not in:\n{errors}");
    assert_eq!(output.status.code(), Some(code), "{errors}");
}

#[test]
fn nothing_answers() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("api.sock");
    let run = |arguments: &[&str]| mainstay(&socket, arguments).output().unwrap();
    let text = format!(
        "error: nothing answers at {}\nhint: start it with `mainstay up`\n",
        socket.display()
    );
    ends(&run(&["status"]), 3, &text);
    ends(
        &run(&["status", "--json"]),
        3,
        "{\"code\":\"nothing-answers\",\"text\":\"nothing answers at",
    );
    ends(&run(&["logs", "-f"]), 3, &text);
    ends(&run(&["events", "--follow"]), 3, &text);
    ends(&run(&["down"]), 3, &text);
    // A socket that nobody serves any more.
    drop(UnixListener::bind(&socket).unwrap());
    ends(&run(&["status"]), 3, &text);
    std::fs::remove_file(&socket).unwrap();
    std::fs::write(&socket, "").unwrap();
    ends(&run(&["status"]), 1, "api.sock is not a socket");
}

#[test]
fn a_socket_of_somebody_else_is_named_so() {
    if rustix::process::geteuid().is_root() {
        // Nothing is closed to root.
        return;
    }
    let fake = Fake::new(&[]);
    std::fs::set_permissions(fake.socket(), std::fs::Permissions::from_mode(0o000)).unwrap();
    ends(&fake.run(&["status"]), 5, "may not use the socket");
    std::fs::set_permissions(fake.socket(), std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn what_is_no_mainstay_is_told_from_one_that_refuses() {
    let table: [(Answer, i32, &str); 5] = [
        (Answer::Raw(b"SSH-2.0-OpenSSH\r\n"), 1, "does not speak as mainstay does"),
        (Answer::Json(200, b"<html>".into()), 1, "does not speak as mainstay does"),
        (Answer::Json(404, b"not found".into()), 1, "it answers 404 Not Found without a reason"),
        (file(403, "forbidden.json"), 5, "viewers may not stop"),
        (file(500, "refused.json"), 1, "its breaker is open"),
    ];
    for (answer, code, says) in table {
        let fake = Fake::new(&[("GET /v1/status", &[answer])]);
        ends(&fake.run(&["status"]), code, says);
    }
}

#[test]
fn which_daemon_is_meant() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], home: &str| {
        let mut command = mainstay(&folder.path().join("none"), arguments);
        command
            .env_remove("MAINSTAY_SOCKET")
            .env("HOME", home)
            .env("XDG_RUNTIME_DIR", folder.path());
        command.output().unwrap()
    };
    ends(
        &run(&["status", "--name", "a/b"], "/"),
        2,
        "`a/b` cannot name a daemon: it has other signs",
    );
    let named = run(&["status", "--name", "shop"], "/");
    ends(&named, 3, "mainstay/shop/api.sock");
    std::fs::write(folder.path().join("mainstay.yaml"), "name: store\nchildren: {}\n").unwrap();
    ends(&run(&["status"], "/"), 3, "mainstay/store/api.sock");
    std::fs::write(folder.path().join("mainstay.yaml"), "name: a b\n").unwrap();
    ends(&run(&["status"], "/"), 2, "`a b` cannot name a daemon");
}

#[test]
fn a_brain_that_is_replaced_is_asked_again() {
    let routes = [
        ("GET /v1/status", &[Answer::Nothing, file(200, "serving.json")][..]),
        ("POST /v1/commands", &[Answer::Nothing, Answer::Nothing, file(200, "stopped.json")]),
    ];
    let fake = Fake::new(&routes);
    assert_eq!(fake.run(&["status"]).status.code(), Some(0));
    let output = fake.run(&["stop", "app/db", "--verbose"]);
    ends(&output, 0, "asking again");
    let asked = fake.asked();
    let ids: Vec<&str> = asked[2..]
        .iter()
        .map(|request| request.split("\"id\":\"").nth(1).unwrap().split('"').next().unwrap())
        .collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| *id == ids[0] && id.len() == 32), "one id, one effect: {ids:?}");
}

#[test]
fn a_wait_ends_in_time() {
    let late = Answer::Json(408, br#"{"code":"timed-out","text":"not in time"}"#.into());
    let routes = [
        ("GET /v1/wait/app/db?for=ready", &[late, file(200, "db.json")][..]),
        ("GET /v1/children/app/db", &[file(200, "db.json")]),
    ];
    let fake = Fake::new(&routes);
    ends(
        &fake.run(&["wait", "app/db", "--timeout", "1ms"]),
        6,
        "app/db is not ready in time: ready",
    );
    let output = fake.run(&["wait", "app/db"]);
    ends(&output, 0, "");
    assert_eq!(output.stdout, b"app/db: ready\n");
}

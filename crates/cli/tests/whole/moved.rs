//! Real programs, moved in from where they were.

use crate::harness::{Daemon, kill, lives};
use std::fs;
use std::process::Command;

/// Debian's own unit of redis, with a drop-in that keeps it in the folder of the test.
#[test]
fn the_unit_of_redis_runs_as_it_did() {
    let unit = ["/lib/systemd/system", "/usr/lib/systemd/system"]
        .map(|folder| format!("{folder}/redis-server.service"));
    let Some(unit) = unit.iter().find_map(|path| fs::read_to_string(path).ok()) else {
        let needed = "skipped: the package redis-server is not installed\n";
        std::io::Write::write_all(&mut std::io::stderr(), needed.as_bytes()).unwrap();
        return;
    };
    let mut daemon = Daemon::new("");
    let socket = daemon.path("redis.sock");
    let folder = socket.parent().unwrap().display().to_string();
    fs::create_dir_all(daemon.path("units/redis-server.service.d")).unwrap();
    fs::write(daemon.path("units/redis-server.service"), unit).unwrap();
    let drop_in = format!(
        "[Service]\nExecStart=\nExecStart=/usr/bin/redis-server --supervised systemd --daemonize no --port 0 \
         --unixsocket {folder}/redis.sock --dir {folder} --save ''\n\
         User=\nGroup=\nRuntimeDirectory=\nLimitNOFILE=256\nStartLimitBurst=50\n"
    );
    fs::write(daemon.path("units/redis-server.service.d/test.conf"), drop_in).unwrap();
    let arguments = [
        "import",
        "systemd",
        "units/redis-server.service",
        "-o",
        "mainstay.yaml",
        "--force",
        "--report",
        "report",
    ];
    daemon.says(&arguments);
    daemon.says(&["check", "--quiet"]);
    daemon.up();
    // Ready is what redis itself says over the notify socket.
    daemon.until_ready("redis-server");
    let ask = |words: &[&str]| {
        let output = Command::new("redis-cli").arg("-s").arg(&socket).args(words).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(ask(&["ping"]), "PONG\n");
    // Restart=always of the unit.
    let first = daemon.pid("redis-server");
    kill(first);
    daemon.until_child("redis-server", "ready again", |child| {
        child["standing"] == "ready" && child["pid"] != first
    });
    assert_eq!(ask(&["ping"]), "PONG\n");
    let second = daemon.pid("redis-server");
    daemon.says(&["down"]);
    assert!(!lives(second));
}

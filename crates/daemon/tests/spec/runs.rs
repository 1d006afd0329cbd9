//! A file is read and run: what it says reaches the process.

use crate::support::environment;
use mainstay_daemon::spec::load_text;

#[tokio::test]
async fn what_is_written_reaches_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let text = "
environment: {WHO: file}
templates: {say: {shell: true, command: 'echo \"${instance} $WHO $SECRET $(pwd)\" > said.${instance}'}}
children:
  one: {template: say, instances: 2, restart: never, environment: {WHO: own}, secrets: {SECRET: {env: TOKEN}}}
  two: {command: 'touch \"it is done\"', restart: never, needs: [{child: one, until: completed}]}
";
    let loaded = load_text(text, &folder.path().join("mainstay.yaml"), &environment, None).unwrap();
    let owner = loaded.tree.start().unwrap();
    let handle = owner.handle();
    let ended = handle.wait_until("two", |view| view.runs == 1 && view.run.is_none()).await;
    ended.expect("it runs once both have ended");
    let said = std::fs::read_to_string(folder.path().join("said.2")).unwrap();
    let here = std::fs::canonicalize(folder.path()).unwrap();
    let there = said.trim_end().strip_prefix("2 own hush ").map(std::fs::canonicalize);
    assert_eq!(there.expect("as written").unwrap(), here, "{said}");
    assert!(folder.path().join("it is done").exists());
    handle.by("test").drain("it is over").await.unwrap();
    handle.ended().await;
    drop(owner);
}

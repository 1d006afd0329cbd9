//! What a program around the tree adds: declarations as text, and itself.

use crate::world::World;
use mainstay::{Child, Context, Node, Standing, Tree, task, tree};
use mainstay_daemon::api::{About, Program, Service, Specs};
use mainstay_wire::api::{Alert, Delivery, DeliveryState, FactKind, Problem, Reply};
use serde_json::{from_value, json};
use std::sync::Arc;

fn waits(name: &str) -> Child {
    task(name, async |cx: Context| cx.stopped().await)
}

/// Declares the children whose names stand in the text, one a word; `web` is always the same one.
struct Words {
    web: Child,
}

impl Words {
    fn child(&self, name: &str) -> Child {
        if name == "web" { self.web.clone() } else { waits(name) }
    }
}

impl Specs for Words {
    fn load(&self, text: Option<&str>) -> Result<Tree, Problem> {
        let text = text.unwrap_or("web new");
        if text.contains('!') {
            return Err(Problem {
                code: "spec".into(),
                text: "mainstay.yaml is wrong".into(),
                hint: None,
                details: vec!["1:1: no `!`".into()],
            });
        }
        Ok(text.split(' ').fold(tree(), |tree, name| tree.child(self.child(name))))
    }

    fn fragment(&self, text: &str, above: &str) -> Result<Vec<Node>, Problem> {
        assert_eq!(above, "");
        Ok(text.split(' ').map(|name| self.child(name).into()).collect())
    }
}

impl Program for Words {
    fn about(&self) -> About {
        let notices = vec!["the spec file cannot be read".into()];
        About { version: "9.9".into(), keeper_pid: Some(7), notices, ..About::default() }
    }

    fn next_start(&self, path: &str) -> Option<i64> {
        (path == "job" || path == "web").then_some(4_000_000_000_000)
    }

    fn alerts(&self) -> Vec<Alert> {
        vec![Alert {
            path: String::new(),
            kind: "journal-unwritten".into(),
            text: "no space".into(),
            since_at: 1,
            again: 0,
            over: false,
            seen_by: None,
            seen_why: None,
            seen_at: None,
        }]
    }

    fn hooks(&self) -> Vec<String> {
        vec!["idle".into(), "pager".into(), "note".into()]
    }

    fn deliveries(&self) -> Vec<Delivery> {
        let of = |hook: &str| Delivery {
            hook: hook.into(),
            event: "x-1".into(),
            fact: FactKind::GivenUp,
            path: "web".into(),
            program: None,
            run: Some(3),
            text: "its breaker opens".into(),
            count: 1,
            happened_at: 1,
            decided_at: 1,
            state: DeliveryState::Waiting,
            tries: 1,
            next_at: Some(4_000_000_000_000),
            over_at: None,
            last: Some("500".into()),
            test: false,
        };
        vec![of("pager"), of("note")]
    }

    fn test_hook(&self, hook: &str) -> Result<String, Problem> {
        Ok(format!("{hook} has taken it"))
    }

    fn dump(&self) -> Option<String> {
        Some("loop: fine".into())
    }

    fn upgrade(&self, program: Option<&str>) -> Result<String, Problem> {
        match program {
            None => Ok("the keeper replaces itself".into()),
            Some(program) => Err(Problem {
                code: "refused".into(),
                text: format!("{program} is no mainstay"),
                hint: None,
                details: Vec::new(),
            }),
        }
    }
}

async fn world() -> World {
    let words = Arc::new(Words { web: waits("web") });
    let owner = tree().child(words.web.clone()).child(waits("old")).start().expect("valid");
    let specs: Arc<dyn Specs> = Arc::<Words>::clone(&words);
    let service = Service::new(owner.handle()).specs(specs).program(words);
    owner.handle().wait_for("old", Standing::Ready).await.expect("it starts");
    World::of(owner, service)
}

#[tokio::test]
async fn a_declaration_is_planned_and_then_applied() {
    let world = world().await;
    let plan = world.done(json!({"apply": {"dry_run": true}}), "").await;
    let expected = json!([
        {"path": "", "act": "keep"},
        {"path": "web", "act": "keep"},
        {"path": "new", "act": "add"},
        {"path": "old", "act": "remove"},
    ]);
    assert_eq!((&plan["plan"], &plan["changed"]), (&expected, &json!(false)), "{plan}");
    assert!(world.handle.child("old").await.is_ok(), "nothing was done");
    let done = world.done(json!({"apply": {}}), "").await;
    assert_eq!((&done["plan"], &done["changed"]), (&expected, &json!(true)), "{done}");
    assert_eq!(done["text"], "1 added, 1 removed, 2 kept");
    let new = world.handle.wait_for("new", Standing::Ready).await.expect("it starts");
    assert_eq!(new.runs, 1);
    let web = world.handle.child("web").await.expect("it is there");
    assert_eq!(web.runs, 1, "what has not changed goes on");
    let bad = json!({"verb": {"apply": {"spec": "web!"}}, "why": "a test"});
    let (code, problem) = world.post(&bad.to_string()).await;
    assert_eq!((code, &problem["details"]), (422, &json!(["1:1: no `!`"])), "{problem}");
}

#[tokio::test]
async fn children_are_added_by_name() {
    let world = world().await;
    let reply: Reply =
        from_value(world.done(json!({"add": {"spec": "x y"}}), "/").await).expect("one");
    assert_eq!((reply.child.as_str(), reply.text.as_str()), ("x", "added x, y"));
    world.handle.wait_for("y", Standing::Ready).await.expect("it starts");
    let again = json!({"verb": {"add": {"spec": "z x"}}, "why": "a test"});
    let (code, problem) = world.post(&again.to_string()).await;
    assert_eq!((code, &problem["code"]), (409, &json!("exists")), "{problem}");
    let text = problem["text"].as_str().expect("a text");
    assert!(text.ends_with("added before it: z"), "what was done is told: {text}");
    let nowhere = json!({"verb": {"add": {"spec": "a"}}, "target": "nowhere", "why": "a test"});
    assert_eq!(world.post(&nowhere.to_string()).await.0, 404);
}

#[tokio::test]
async fn a_child_that_waits_for_its_schedule_says_when_it_comes() {
    let words = Arc::new(Words { web: waits("web") });
    let job = task("job", async |_: Context| {}).restart(mainstay::Restart::Never).on_demand(None);
    let owner = tree().child(words.web.clone()).child(job).start().expect("valid");
    owner.handle().wait_for("web", Standing::Ready).await.expect("it starts");
    let service = Service::new(owner.handle()).program(words);
    let world = World::of(owner, service);
    let scheduled = async |state: &str| {
        let (_, job) = world.get("/v1/children/job").await;
        assert_eq!(job["state"], state, "{job}");
        assert_eq!(job["next"]["what"], "is started by its schedule", "{job}");
        assert_eq!(job["next"]["at"], json!(4_000_000_000_000_u64), "{job}");
        let (_, why) = world.get("/v1/explain/job").await;
        assert_eq!(why["next"]["at"], json!(4_000_000_000_000_u64), "{why}");
        let story = why["story"].to_string();
        assert!(story.contains("Next: `job` is started by its schedule, in "), "{story}");
        assert!(!story.contains("Nothing will happen"), "{story}");
    };
    scheduled("waits for its schedule").await;
    let (_, web) = world.get("/v1/children/web").await;
    assert_eq!(web["next"]["what"].as_str().unwrap_or(""), "counts as stable", "it runs: {web}");
    world.handle.by("me").start("job", "a test").await.expect("it starts");
    world.handle.wait_until("job", |view| view.last.is_some()).await.expect("it ends");
    scheduled("completed; waits for its schedule").await;
    world.handle.by("me").stop("job", "a test").await.expect("it is held");
    let (_, job) = world.get("/v1/children/job").await;
    assert_eq!(job["next"], json!(null), "an operator holds it: {job}");
}

#[tokio::test]
async fn how_far_a_child_has_come_is_shown() {
    let rows = task("rows", async |cx: Context| {
        cx.positioned("row 17");
        cx.stopped().await;
    });
    let owner = tree().child(rows).child(waits("web")).start().expect("valid");
    // It is no event, so nothing wakes who waits for it.
    while owner.handle().child("rows").await.expect("it is there").position.is_none() {
        tokio::task::yield_now().await;
    }
    let service = Service::new(owner.handle());
    let world = World::of(owner, service);
    let (_, rows) = world.get("/v1/children/rows").await;
    assert_eq!(rows["position"], "row 17", "{rows}");
    let (_, web) = world.get("/v1/children/web").await;
    assert_eq!(web["position"], json!(null), "{web}");
}

#[tokio::test]
async fn the_program_tells_about_itself() {
    let world = world().await;
    let (_, status) = world.get("/v1/status").await;
    assert_eq!((&status["version"], &status["keeper_pid"]), (&json!("9.9"), &json!(7)));
    assert_eq!(status["notices"], json!(["the spec file cannot be read"]));
    let done = world.done(json!({"upgrade": {}}), "").await;
    assert_eq!(done["text"], "the keeper replaces itself");
    let bad = json!({"verb": {"upgrade": {"program": "/bin/true"}}, "why": "a test"});
    let (code, problem) = world.post(&bad.to_string()).await;
    assert_eq!((code, &problem["text"]), (409, &json!("/bin/true is no mainstay")));
}

#[tokio::test]
async fn what_hooks_were_told_and_what_the_program_does_is_told() {
    let world = world().await;
    let (status, all) = world.get("/v1/deliveries").await;
    assert_eq!(
        (status, &all[0]["fact"], &all[1]["hook"]),
        (200, &"given-up".into(), &"note".into())
    );
    let (_, one) = world.get("/v1/deliveries?hook=note").await;
    assert_eq!(one.as_array().map(Vec::len), Some(1));
    assert_eq!(one[0]["state"], "waiting");
    assert_eq!(
        world.get("/v1/deliveries?hook=idle").await,
        (200, json!([])),
        "it was told nothing"
    );
    let (status, problem) = world.get("/v1/deliveries?hook=pagre").await;
    assert_eq!((status, &problem["hint"]), (404, &"did you mean `pager`?".into()), "{problem}");
    let (_, alerts) = world.get("/v1/alerts").await;
    assert_eq!(alerts[0]["kind"], "journal-unwritten");
    assert_eq!(world.get("/v1/dump").await, (200, json!({"text": "loop: fine"})));
    let reply = world.done(json!({"test-hook": {"hook": "pager"}}), "").await;
    assert_eq!((&reply["text"], &reply["changed"]), (&"pager has taken it".into(), &true.into()));
    world.stop().await;
    // A service of its own has neither.
    let world = World::new().await;
    assert_eq!(world.get("/v1/deliveries").await, (200, json!([])));
    assert_eq!(world.get("/v1/dump").await.0, 501);
    let body = json!({"verb": {"test-hook": {"hook": "x"}}, "why": "to see"}).to_string();
    assert_eq!(world.post(&body).await.0, 501);
    world.stop().await;
}

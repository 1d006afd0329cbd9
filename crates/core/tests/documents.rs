//! What the documents say about presets, defaults and defects is what the code and the tables hold.

use mainstay_core::Path;
use mainstay_core::spec::defaults::Profile;
use mainstay_core::spec::draft::KindDraft;
use mainstay_core::spec::{ChildDraft, Declared, Kind, Preset, Source, SupervisorDraft, TreeDraft};
use std::collections::BTreeSet;

fn document(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A child that says nothing but its preset.
fn plain(preset: Option<Preset>, kind: KindDraft, profile: Profile) -> Declared {
    let draft = ChildDraft { name: "a".into(), kind: Some(kind), preset, ..ChildDraft::default() };
    let (_, spec) = draft.build(profile, &Path::root()).expect("a valid child");
    spec
}

fn leaf(preset: Option<Preset>, profile: Profile) -> Declared {
    plain(preset, KindDraft::Leaf(Kind::Process), profile)
}

/// The cells of every row of the tables in `text`.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|line| line.split(" | ").collect())
}

#[test]
fn every_preset_expands_to_what_its_section_says() {
    let text = document("docs/presets.md");
    for preset in Preset::ALL {
        let heading = format!("\n## `{}`\n", preset.name());
        let (_, section) = text.split_once(&heading).unwrap_or_else(|| panic!("no{heading}"));
        let section = section.split("\n## ").next().unwrap_or(section);
        let said: Vec<(String, String)> = rows(section)
            .skip(2)
            .map(|cells| (cells[0].trim_matches('`').into(), cells[1].into()))
            .collect();
        let mut holds: Vec<(String, String)> = leaf(Some(*preset), Profile::Library)
            .policy()
            .into_iter()
            .filter(|line| line.source == Source::Preset(*preset))
            .map(|line| (line.field.name().into(), line.value))
            .collect();
        // A preset that speaks of supervisors has its shared limits there.
        if matches!(preset, Preset::Otp | Preset::TokioSupervisor) {
            let kind = KindDraft::Supervisor(SupervisorDraft::default());
            let above = plain(Some(*preset), kind, Profile::Library).policy();
            let shared = above.into_iter().find(|line| line.field.name() == "budget");
            let budget = holds.iter_mut().find(|(field, _)| field == "budget");
            budget.expect("a budget").1 = shared.expect("a budget").value;
        }
        assert_eq!(said, holds, "{}", preset.name());
    }
}

#[test]
fn every_default_is_what_its_row_says() {
    let text = document("docs/defaults.md");
    let said: Vec<(String, String, String)> = rows(&text)
        .skip(2)
        .take_while(|cells| cells.len() == 4)
        .map(|cells| (cells[0].trim_matches('`').into(), cells[1].into(), cells[2].into()))
        .collect();
    let (daemon, library) = (leaf(None, Profile::Daemon), leaf(None, Profile::Library));
    let mut holds: Vec<(String, String, String)> = daemon
        .policy()
        .into_iter()
        .zip(library.policy())
        .map(|(daemon, library)| (daemon.field.name().into(), daemon.value, library.value))
        .collect();
    // The criticality comes first in the document, since others follow from it.
    let at = holds.iter().position(|(field, ..)| field == "criticality").expect("a criticality");
    let criticality = holds.remove(at);
    holds.insert(0, criticality);
    assert_eq!(said, holds);
    let (tree, _) = TreeDraft::default().build(Profile::Daemon).expect("a valid tree");
    for (field, span) in
        [("drain_timeout", tree.drain_timeout), ("fatal_drain_timeout", tree.fatal_drain_timeout)]
    {
        let row = format!("| `{field}` | {} s |", span.as_secs());
        assert!(text.contains(&row), "no row {row}");
    }
}

#[test]
fn every_defect_has_its_scenario_and_every_scenario_its_defect() {
    let text = document("docs/defects.md");
    let mut listed = BTreeSet::new();
    for cells in rows(&text).filter(|cells| cells.len() == 3) {
        let [number, _, shown] = cells.as_slice() else { continue };
        let Some((seed, _)) = number.split_once(' ').filter(|(_, no)| no.parse::<u32>().is_ok())
        else {
            continue;
        };
        if shown.starts_with(&format!("`seeds/{seed}.txt`")) && !shown.contains(", obzenflow") {
            assert!(listed.insert((*number).to_owned()), "{number} stands twice");
        }
    }
    let mut shown = BTreeSet::new();
    for seed in ["focas", "epics", "oxios", "tokio", "obzenflow", "procserv"] {
        let table = document(&format!("crates/core/tests/tables/seeds/{seed}.txt"));
        for name in table.lines().filter_map(|line| line.strip_prefix("scenario ")) {
            let number: Vec<&str> = name.split(' ').take(2).collect();
            shown.insert(number.join(" "));
        }
    }
    assert_eq!(listed, shown);
}

//! What the guide shows is what is told.

use std::path::Path;

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_output_in_the_guide_is_told_so() {
    let guide = read("../../docs/guide/explain.md");
    let told = ["explain.txt", "history.txt", "postmortem.txt", "simulate.txt"]
        .map(|name| read(&format!("tests/story/{name}")))
        .concat();
    let blocks: Vec<&str> =
        guide.split("```text\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 9, "{}", blocks.len());
    for block in blocks {
        assert!(told.contains(block), "the guide shows what nobody says:\n{block}");
    }
}

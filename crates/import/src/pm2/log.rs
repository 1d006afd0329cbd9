//! Where an app logs.

use crate::given::Given;
use crate::model::Child;
use crate::yaml::Node;

pub(super) fn log(child: &mut Child, app: &Node, given: &mut Given) {
    let of = |keys: &[&'static str]| keys.iter().copied().find_map(|key| app.at(key));
    let out = of(&["out_file", "output", "out", "out_log"]);
    let err = of(&["error_file", "error", "err", "err_log", "err_file"]);
    let both = of(&["log_file", "log"]);
    let is_null = |node: &Node| matches!(node.text(), Some("/dev/null" | "NULL"));
    let is_file =
        |node: &Node| !matches!(node.text(), None | Some("" | "true" | "false")) && !is_null(node);
    let path = [both, out, err].into_iter().flatten().find(|node| is_file(node));
    if path.is_none() && out.is_some_and(is_null) && err.is_some_and(is_null) {
        child.set("output", "null");
        [out, err].into_iter().flatten().for_each(|node| node.kept(given, "`output: null`"));
    } else {
        child.set("output", "apart");
        if let Some(text) = path.and_then(Node::text) {
            child.settings.put("log", "path", text);
        }
        for node in [out, err].into_iter().flatten() {
            one(node, path, is_file(node), is_null(node), given);
        }
    }
    if let Some(node) = both {
        // What it takes is all that is printed, as here.
        one(node, path, is_file(node), false, given);
    }
    let has_log = child.settings.value("log").is_some();
    let stamps =
        app.at("time").and_then(Node::text) == Some("true") || app.at("log_date_format").is_some();
    if has_log && !stamps {
        child.settings.put("log", "stamps", "false");
    }
    for key in ["time", "log_date_format", "log_type", "merge_logs", "combine_logs"] {
        let Some(node) = app.at(key) else { continue };
        match (key, node.text()) {
            ("log_date_format", _) => node.changed(given, "stamps are RFC 3339"),
            ("log_type", Some("json")) if has_log => {
                child.settings.put("log", "format", "json");
                node.changed(given, "`log: {format: json}`, with keys of our own");
            }
            ("merge_logs" | "combine_logs", _) => node
                .lost(given, "each instance has a log; say `${instance}` in a `path` of your own"),
            ("time", _) => node.kept(given, "`stamps`"),
            _ => node.lost(given, "`log` has stamps and format"),
        }
    }
}

/// Judges the path of one log.
fn one(node: &Node, path: Option<&Node>, is_file: bool, is_null: bool, given: &mut Given) {
    if path.is_some_and(|path| std::ptr::eq(path, node)) {
        node.changed(
            given,
            "`log`: both outputs are in this file, which is rotated; lines say where they came from",
        );
    } else if is_file {
        node.lost(
            given,
            "there is one log for both outputs, and this file is not written: its lines are in \
                the other one, and in `mainstay logs`",
        );
    } else if is_null {
        node.changed(given, "there is one log for both outputs, and it has this one too");
    } else {
        node.kept(given, "as here without a `path`");
    }
}

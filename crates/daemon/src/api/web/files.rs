//! The files of the dashboard: everything in the folder `web` that a browser gets.

/// One file, as it stands in the repository.
pub(super) struct File {
    /// Its path below `web`.
    pub(super) name: &'static str,
    pub(super) bytes: &'static [u8],
}

macro_rules! files {
    ($($name:literal,)*) => {
        &[$(File {
            name: $name,
            bytes: include_bytes!(concat!("../../../../../web/", $name)),
        }),*]
    };
}

/// All of them, by name. A test compares this list with the folder.
pub(super) static FILES: &[File] = files! {
    "api.js",
    "index.html",
    "main.js",
    "pages/alerts.js",
    "pages/child.js",
    "pages/child/console.js",
    "pages/child/facts.js",
    "pages/child/logs.js",
    "pages/child/picture.js",
    "pages/child/policy.js",
    "pages/child/runs.js",
    "pages/child/why.js",
    "pages/events.js",
    "pages/simulate.js",
    "pages/tree.js",
    "parts/clock.js",
    "parts/command.js",
    "parts/dialog.js",
    "parts/dom.js",
    "parts/gauge.js",
    "parts/head.js",
    "parts/keys.js",
    "parts/picture.js",
    "parts/rows.js",
    "parts/sign.js",
    "parts/states.js",
    "parts/terminal/colours.js",
    "parts/terminal/parser.js",
    "parts/terminal/screen.js",
    "parts/terminal/typing.js",
    "parts/terminal/view.js",
    "parts/terminal/width.js",
    "parts/theme.js",
    "sign-in.css",
    "sign-in.html",
    "sign-in.js",
    "state/route.js",
    "state/standing.js",
    "state/tree.js",
    "style/base.css",
    "style/child.css",
    "style/mark.svg",
    "style/picture.css",
    "style/shell.css",
    "style/text.css",
    "style/tokens.css",
    "style/tree.css",
};

/// The page that every address below `ui/` leads to.
pub(super) static PAGE: &str = include_str!("../../../../../web/index.html");

/// The page for whoever is not known yet.
pub(super) static SIGN_IN: &str = include_str!("../../../../../web/sign-in.html");

#[cfg(test)]
mod tests {
    use super::FILES;
    use std::path::Path;

    /// What stands in the folder and is not for browsers.
    const OTHERS: [&str; 2] = ["e2e", "types"];

    fn walk(folder: &Path, above: &str, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("the folder is there") {
            let entry = entry.expect("it can be read");
            let name = entry.file_name().into_string().expect("UTF-8");
            let is_ours = ["html", "js", "css", "svg", "png"].iter().any(|kind| {
                Path::new(&name).extension().is_some_and(|extension| extension == *kind)
            });
            let name = format!("{above}{name}");
            if OTHERS.contains(&name.as_str()) {
                continue;
            }
            if entry.path().is_dir() {
                walk(&entry.path(), &format!("{name}/"), found);
            } else if is_ours {
                found.push(name);
            }
        }
    }

    #[test]
    fn every_file_of_the_folder_is_in_the_list() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web");
        let mut found = Vec::new();
        walk(&folder, "", &mut found);
        found.sort();
        let listed: Vec<&str> = FILES.iter().map(|file| file.name).collect();
        assert_eq!(listed, found, "`FILES` in this file and the folder `web` differ");
    }
}

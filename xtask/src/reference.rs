//! Pages that are made of tables in the code, so that they say what the code does.

use std::process::ExitCode;

/// Where a page stands, and what makes it.
type Page = (&'static str, fn() -> String);

const PAGES: [Page; 1] = [("docs/reference/spec.md", mainstay_wire::spec::reference)];

/// Writes every page.
pub(super) fn command() -> ExitCode {
    for (path, make) in PAGES {
        let path = super::root().join(path);
        let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        if let Err(error) = folder.and_then(|()| std::fs::write(&path, make())) {
            eprintln!("error: cannot write {}: {error}", path.display());
            return ExitCode::FAILURE;
        }
        println!("wrote {}", path.display());
    }
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::PAGES;

    #[test]
    fn every_page_is_what_the_code_says() {
        for (path, make) in PAGES {
            let written = std::fs::read_to_string(crate::root().join(path)).unwrap_or_default();
            assert!(written == make(), "{path} is old: run `cargo xtask reference`");
        }
    }
}

use super::*;
use std::os::unix::net::UnixListener;

/// Returns surroundings of a plain user whose folders are all below `root`.
fn around(root: &Path, variables: &[(&str, &str)]) -> Surroundings {
    let mut all: Vec<(String, OsString)> =
        vec![("XDG_RUNTIME_DIR".into(), root.join("run").into()), ("HOME".into(), root.into())];
    all.extend(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())));
    let uid = rustix::process::geteuid().as_raw();
    Surroundings {
        uid: if uid == 0 { 1000 } else { uid },
        folder: root.join("here"),
        variable: Box::new(move |name| {
            all.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        }),
    }
}

/// Serves a socket for the daemon `name` until it is dropped.
fn serve(root: &Path, name: &str) -> UnixListener {
    let folder = root.join("run/mainstay").join(name);
    fs::create_dir_all(&folder).unwrap();
    UnixListener::bind(folder.join(SOCKET)).unwrap()
}

#[test]
fn each_user_has_folders_of_its_own() {
    let place = Place::of("shop", &around(Path::new("/r"), &[])).unwrap();
    assert_eq!(place.socket(), Path::new("/r/run/mainstay/shop/api.sock"));
    assert_eq!(place.state, Path::new("/r/.local/state/mainstay/shop"));
    let mut root = around(Path::new("/r"), &[]);
    root.uid = 0;
    let place = Place::of("shop", &root).unwrap();
    assert_eq!(place.socket(), Path::new("/run/mainstay/shop/api.sock"));
    assert_eq!(place.state, Path::new("/var/lib/mainstay/shop"));
    let bare = [("XDG_RUNTIME_DIR", ""), ("XDG_STATE_HOME", "/s")];
    let place = Place::of("shop", &around(Path::new("/r"), &bare)).unwrap();
    assert!(place.runtime.starts_with("/tmp"), "{place:?}");
    assert_eq!(place.state, Path::new("/s/mainstay/shop"));
    let given = [("MAINSTAY_RUNTIME", "/x"), ("MAINSTAY_STATE", "/y")];
    let place = Place::of("shop", &around(Path::new("/r"), &given)).unwrap();
    assert_eq!((place.socket(), place.state), ("/x/api.sock".into(), "/y".into()));
}

#[test]
fn a_journal_is_in_use_while_it_is_locked() {
    let root = tempfile::tempdir().unwrap();
    assert!(!is_in_use(&root.path().join("none")));
    assert!(!is_in_use(root.path()));
    let held = fs::File::open(root.path()).unwrap();
    held.try_lock().unwrap();
    assert!(is_in_use(root.path()));
    drop(held);
    assert!(!is_in_use(root.path()));
}

#[test]
fn a_name_that_is_typed_is_a_folder_in_the_given_one() {
    let root = tempfile::tempdir().unwrap();
    let given = root.path().join("given");
    let around = around(root.path(), &[("MAINSTAY_RUNTIME", given.to_str().unwrap())]);
    assert_eq!(Place::of("shop", &around).unwrap().runtime, given);
    assert_eq!(Place::named("shop", &around).unwrap().runtime, given.join("shop"));
    assert_eq!(socket(None, Some("shop"), &around).unwrap(), given.join("shop/api.sock"));
    // Without a name it is the one that is there, or the only one below.
    assert_eq!(socket(None, None, &around).unwrap(), given.join(SOCKET));
    fs::create_dir_all(given.join("shop")).unwrap();
    let _served = UnixListener::bind(given.join("shop").join(SOCKET)).unwrap();
    assert_eq!(socket(None, None, &around).unwrap(), given.join("shop/api.sock"));
    let _other = UnixListener::bind(given.join(SOCKET)).unwrap();
    assert_eq!(socket(None, None, &around).unwrap(), given.join(SOCKET));
}

#[test]
fn names_are_checked() {
    for name in ["shop", "a.b-c_9", "9"] {
        assert!(check_name(name).is_ok(), "{name}");
    }
    for name in ["", "..", ".hidden", "-x", "a/b", "a b", "ä", &"x".repeat(65)] {
        assert!(check_name(name).is_err(), "{name}");
    }
    assert!(matches!(
        Place::of("shop", &around(&PathBuf::from("/").join("x".repeat(100)), &[])),
        Err(PlaceError::Long { .. })
    ));
}

#[test]
fn a_spec_file_names_its_daemon() {
    let root = tempfile::tempdir().unwrap();
    let here = root.path().join("My shop/deep");
    fs::create_dir_all(&here).unwrap();
    let file = root.path().join("My shop").join(SPEC_FILE);
    let mut around = around(root.path(), &[]);
    around.folder = here;
    let named = |text: &str| {
        fs::write(&file, text).unwrap();
        choose(None, &around)
    };
    assert_eq!(named("children: {}\n").unwrap(), "My-shop");
    assert_eq!(named("# x\nname: shop # ours\nchildren:\n  name: other\n").unwrap(), "shop");
    assert_eq!(named("name: \"shop\"\n").unwrap(), "shop");
    assert!(matches!(named("name: a/b\n"), Err(PlaceError::Name { .. })));
    assert_eq!(choose(Some("other"), &around).unwrap(), "other");
}

#[test]
fn the_only_daemon_that_runs_is_meant() {
    let root = tempfile::tempdir().unwrap();
    let around = around(root.path(), &[]);
    assert!(matches!(choose(None, &around), Err(PlaceError::None)));
    let shop = serve(root.path(), "shop");
    assert_eq!(choose(None, &around).unwrap(), "shop");
    let _db = serve(root.path(), "db");
    let error = choose(None, &around).unwrap_err().to_string();
    assert!(error.starts_with("2 daemons run: db, shop\n"), "{error}");
    drop(shop);
    assert_eq!(choose(None, &around).unwrap(), "db", "a socket that is left over does not count");
}

#[test]
fn folders_are_made_for_their_user_alone() {
    let root = tempfile::tempdir().unwrap();
    let mut around = around(root.path(), &[]);
    around.uid = rustix::process::geteuid().as_raw();
    let runtime = root.path().join("run/mainstay/shop");
    let place = Place { name: "shop".into(), runtime, state: root.path().join("state") };
    place.make(&around).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(&place.runtime), mode(&place.state)), (0o700, 0o700));
    fs::set_permissions(&place.state, fs::Permissions::from_mode(0o777)).unwrap();
    place.make(&around).unwrap();
    assert_eq!(mode(&place.state), 0o755);
    around.uid += 1;
    assert!(matches!(place.make(&around), Err(PlaceError::Foreign { .. })));
    fs::remove_dir(&place.state).unwrap();
    fs::write(&place.state, "").unwrap();
    around.uid -= 1;
    assert!(matches!(place.make(&around), Err(PlaceError::NoFolder { .. })));
}

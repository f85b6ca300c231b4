//! The house stays a house: rooms import only rooms before them in the flow, the pure rooms touch nothing outside,
//! and every file says what it is for. The order is that of the table in `src/lib.rs`.

use std::path::{Path, PathBuf};

/// The rooms in the order of the flow. A room imports only from rooms before it in this list.
const ROOMS: [&str; 17] = [
    "schedule", "read", "roster", "plan", "guard", "apply", "scim", "snapshot", "notify", "watch", "config", "run",
    "explain", "report", "daemon", "demo", "cli",
];

/// Rooms whose result depends on nothing but their arguments.
const PURE: [&str; 4] = ["schedule", "roster", "plan", "guard"];

/// What a pure room never says: clocks, files, networks, tasks, chance, and orders that change from run to run.
const IMPURE: [&str; 22] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "ZonedDateTime::now",
    "Instant::now",
    "tokio::",
    "reqwest::",
    "fastrand::",
    "uuid::",
    "sled::",
    "async fn",
    ".await",
    "HashMap",
    "HashSet",
    "thread_local!",
];

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder, sorted.
pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The code of a file: without comments, and without the tests at its end.
pub(crate) fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let body = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    body.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Modules of a folder that are compiled for tests only: what they do is no part of the house.
fn test_modules(folder: &Path) -> Vec<PathBuf> {
    let mut modules = Vec::new();
    for file in rust_files(folder) {
        let text = std::fs::read_to_string(&file).unwrap();
        let inside = match file.file_stem().unwrap().to_str() {
            Some("mod") => file.parent().unwrap().to_owned(),
            _ => file.with_extension(""),
        };
        for declared in text.split("#[cfg(test)]\n").skip(1) {
            let line = declared.lines().next().unwrap_or_default();
            let name =
                line.trim_start_matches("pub(crate) ").strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'));
            modules.extend(name.map(|name| inside.join(name)));
        }
    }
    modules
}

/// The files of a folder that are part of the house.
pub(crate) fn house_files(folder: &Path) -> Vec<PathBuf> {
    let tests = test_modules(folder);
    let is_test =
        |file: &PathBuf| tests.iter().any(|module| file.starts_with(module) || *file == module.with_extension("rs"));
    rust_files(folder).into_iter().filter(|file| !is_test(file)).collect()
}

/// The rooms that a file names as `crate::ROOM` or in `crate::{ROOM, …}`.
fn imported_rooms(code: &str) -> Vec<&str> {
    let grouped = code.split("crate::{").skip(1).flat_map(|rest| {
        let list = rest.split(';').next().unwrap_or_default();
        list.split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter_map(|word| ROOMS.iter().copied().find(|room| *room == word))
    });
    code.match_indices("crate::")
        .filter(|(at, _)| !code[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$'))
        .filter_map(|(at, _)| {
            let rest = &code[at + "crate::".len()..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            ROOMS.iter().copied().find(|room| *room == &rest[..end])
        })
        .chain(grouped)
        .collect()
}

#[test]
fn the_map_in_lib_rs_names_the_rooms_in_the_order_of_the_flow() {
    let map = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let named: Vec<String> =
        map.lines().filter_map(|line| line.strip_prefix("//! | [`")?.split('`').next().map(str::to_owned)).collect();
    assert_eq!(named, ROOMS);
}

#[test]
fn the_table_in_architecture_names_them_in_the_same_order() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let table = text.split("## Rooms").nth(1).unwrap().split("\n## ").next().unwrap();
    let named: Vec<&str> = table.lines().filter_map(|line| line.strip_prefix("`src/")?.split('`').next()).collect();
    assert_eq!(named, ROOMS);
}

#[test]
fn every_folder_of_src_is_a_room_on_the_map() {
    for entry in std::fs::read_dir(root().join("src")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            assert!(ROOMS.contains(&name.as_str()), "src/{name} is not on the map in src/lib.rs");
        }
    }
}

#[test]
fn a_room_imports_only_rooms_before_it() {
    let mut wrong = Vec::new();
    for (place, room) in ROOMS.iter().enumerate() {
        for file in house_files(&root().join("src").join(room)) {
            for imported in imported_rooms(&code(&file)) {
                let imported_place = ROOMS.iter().position(|other| *other == imported).unwrap();
                if imported_place > place {
                    wrong.push(format!("{} imports crate::{imported}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "against the flow:\n{}", wrong.join("\n"));
}

#[test]
fn the_pure_rooms_touch_nothing_outside() {
    let mut wrong = Vec::new();
    for room in PURE {
        for file in house_files(&root().join("src").join(room)) {
            let code = code(&file);
            for word in IMPURE {
                if code.contains(word) {
                    wrong.push(format!("{} says {word}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "not pure:\n{}", wrong.join("\n"));
}

#[test]
fn only_the_guard_makes_an_approved_plan() {
    for file in house_files(&root().join("src")) {
        if !file.starts_with(root().join("src/guard")) {
            assert!(!code(&file).contains("ApprovedPlan {"), "{} makes an approved plan", file.display());
        }
    }
}

/// What a run has found out is in the run, and a session does not change by it. What is told of here besides is an error
/// that a stream met.
#[test]
fn no_state_of_a_run_hides_in_a_cell() {
    for file in house_files(&root().join("src/run")) {
        let code = code(&file).replace("RefCell<Option<StoreError>>", "");
        for word in ["Mutex<Option", "Mutex<Vec", "Cell<Option", "OnceCell", "OnceLock", "RwLock"] {
            assert!(!code.contains(word), "{} says {word}", file.display());
        }
    }
}

#[test]
fn a_connector_knows_the_kit_and_no_other_room() {
    for entry in std::fs::read_dir(root().join("connectors")).unwrap() {
        let folder = entry.unwrap().path();
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap();
        for line in dependencies.lines().filter(|line| line.starts_with("rollcall")) {
            assert!(line.starts_with("rollcall-kit"), "{} depends on {line}", folder.display());
        }
        for file in house_files(&folder.join("src")) {
            for word in ["rollcall::", "HashMap", "HashSet"] {
                assert!(!code(&file).contains(word), "{} says {word}", file.display());
            }
        }
    }
}

#[test]
fn every_connector_has_a_page_for_administrators() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    for entry in std::fs::read_dir(root().join("connectors")).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        if name == "kit" {
            continue;
        }
        let page = format!("docs/connectors/{name}.md");
        let map = std::fs::read_to_string(folder.join("src/lib.rs")).unwrap();
        assert!(root().join(&page).is_file(), "{page} is missing");
        assert!(readme.contains(&page) && map.contains(&page), "README.md and the crate's map name {page}");
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    let mut mute = Vec::new();
    for folder in ["src", "connectors", "tests"] {
        for file in rust_files(&root().join(folder)) {
            if file.components().any(|part| part.as_os_str() == "target") {
                continue;
            }
            if !std::fs::read_to_string(&file).unwrap().starts_with("//!") {
                mute.push(file.display().to_string());
            }
        }
    }
    assert!(mute.is_empty(), "no opening `//!` in:\n{}", mute.join("\n"));
}

/// The user, the administrator and the newcomer may be anybody.
#[test]
fn nobody_is_called_he() {
    let mut said = Vec::new();
    let names =
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "config.example.toml"];
    let texts = names.map(|name| root().join(name));
    let documents = ["docs", "docs/connectors"]
        .into_iter()
        .flat_map(|folder| std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()));
    let sources = ["src", "connectors", "tests", "benches"].iter().flat_map(|folder| rust_files(&root().join(folder)));
    let here = root().join(file!());
    for file in texts.into_iter().chain(documents).chain(sources).filter(|file| file.is_file() && *file != here) {
        let text = std::fs::read_to_string(&file).unwrap();
        for (line, content) in text.lines().enumerate() {
            let mut words = content.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            if words.any(|word| ["he", "his", "him", "himself"].contains(&word.to_lowercase().as_str())) {
                said.push(format!("{}:{}: {content}", file.display(), line + 1));
            }
        }
    }
    assert!(said.is_empty(), "say \"the user\" or \"they\":\n{}", said.join("\n"));
}

#[test]
fn the_scan_sees_what_it_should() {
    assert_eq!(imported_rooms("use crate::plan::Plan; let x = crate::scim::Y; xcrate::run"), ["plan", "scim"]);
    assert!(imported_rooms("use crate::unknown::Z;").is_empty());
    assert_eq!(imported_rooms("use crate::{config, report::Format};"), ["config", "report"]);
}

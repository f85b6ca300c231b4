//! What went wrong in other products, and the test that plays it here.
//!
//! Each row is an incident that happened to somebody, in our words, with the rule that follows and the tests that fail
//! when the rule is broken. The tests below keep the table true: a test that is renamed or deleted breaks it, and
//! `docs/incidents.md`, which administrators read, is this table.

mod directory;
mod identity;
mod security;
mod target;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What happened to somebody.
struct Incident {
    /// In a few words.
    title: &'static str,
    /// Public projects, with the number of the issue or pull request where there is one.
    sources: &'static [&'static str],
    /// What happened.
    happened: &'static str,
    /// The rule that follows.
    rule: &'static str,
    /// The tests that play it, each as the test runner lists it: the binary and the path of the function.
    played: &'static [&'static str],
}

const CHAPTERS: [(&str, &[Incident]); 4] = [
    ("The directory answered wrongly, or was asked for something else", directory::ROWS),
    ("Somebody was taken for somebody else", identity::ROWS),
    ("The application misbehaved, or the tool did", target::ROWS),
    ("A secret went where it should not", security::ROWS),
];

/// The roots of the test binaries, by the names under which the test runner lists them.
const BINARIES: [(&str, &str); 7] = [
    ("rollcall", "src/lib.rs"),
    ("rollcall::rollcall", "tests/rollcall/main.rs"),
    ("rollcall-kit", "connectors/kit/src/lib.rs"),
    ("rollcall-kit::kit", "connectors/kit/tests/main.rs"),
    ("rollcall-ldap", "connectors/ldap/src/lib.rs"),
    ("rollcall-ldap::ldap", "connectors/ldap/tests/main.rs"),
    ("rollcall-file::file", "connectors/file/tests/main.rs"),
];

fn rows() -> impl Iterator<Item = &'static Incident> {
    CHAPTERS.iter().flat_map(|(_, rows)| rows.iter())
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Where a module of a source file is: in a file of its own, or inside this one.
fn step(file: PathBuf, folder: &Path, module: &str) -> Result<PathBuf, String> {
    let text = read(&file)?;
    let declares = |end: &str| {
        text.lines().any(|line| {
            line.trim_start()
                .trim_start_matches("pub(super) ")
                .trim_start_matches("pub(crate) ")
                .trim_start_matches("pub ")
                == format!("mod {module}{end}")
        })
    };
    if declares(" {") {
        return Ok(file);
    }
    if !declares(";") {
        return Err(format!("{} has no module {module}", file.display()));
    }
    let candidates = [folder.join(format!("{module}.rs")), folder.join(module).join("mod.rs")];
    candidates.into_iter().find(|path| path.is_file()).ok_or_else(|| format!("no file holds the module {module}"))
}

/// Checks that a test of this name, as the test runner lists it, is in the source tree.
fn find(name: &str) -> Result<(), String> {
    let (binary, path) = name.split_once(' ').ok_or("no binary and path")?;
    let (_, root) = BINARIES.iter().find(|(known, _)| *known == binary).ok_or(format!("no test binary {binary}"))?;
    let mut file = Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
    let mut folder = file.parent().map(Path::to_owned).unwrap_or_default();
    let (modules, function) = path.rsplit_once("::").ok_or("no module")?;
    for module in modules.split("::") {
        file = step(file, &folder, module)?;
        folder.push(module);
    }
    let text = read(&file)?;
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let starts = |line: &str| {
        line.trim_start_matches("async ")
            .strip_prefix("fn ")
            .is_some_and(|rest| rest.starts_with(&format!("{function}(")))
    };
    let at = lines.iter().position(|line| starts(line)).ok_or(format!("{} has no {function}", file.display()))?;
    let attributes = lines[..at].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("//"));
    let is_test = |line: &&&str| ["#[test]", "#[tokio::test"].iter().any(|test| line.starts_with(test));
    if attributes.clone().any(|line| line.starts_with("#[ignore")) || !attributes.clone().any(|line| is_test(&line)) {
        return Err(format!("{function} in {} is no test that runs", file.display()));
    }
    Ok(())
}

#[test]
fn every_incident_is_played_by_a_test_that_is_there() {
    let mut wrong = Vec::new();
    for row in rows() {
        if row.played.is_empty() {
            wrong.push(format!("{}: no test plays it", row.title));
        }
        let problems = row.played.iter().filter_map(|name| find(name).err());
        wrong.extend(problems.map(|problem| format!("{}: {problem}", row.title)));
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn every_incident_is_told_whole_and_once() {
    let titles: BTreeSet<&str> = rows().map(|row| row.title).collect();
    assert_eq!(titles.len(), rows().count(), "a title stands twice");
    for row in rows() {
        assert!(!row.sources.is_empty(), "{} has no source", row.title);
        for text in [row.happened, row.rule] {
            assert!(text.ends_with('.') && text.len() > 20, "{}: {text}", row.title);
        }
        for text in row.sources.iter().chain([&row.happened, &row.rule]) {
            assert!(!text.contains("://") && !text.contains("  "), "{}: {text}", row.title);
        }
    }
}

/// A table that takes every name for a test proves nothing.
#[test]
fn the_search_finds_tests_and_nothing_else() {
    let here = "rollcall::rollcall incidents";
    assert_eq!(find(&format!("{here}::the_search_finds_tests_and_nothing_else")), Ok(()));
    assert_eq!(find("rollcall guard::properties::a_protected_account_is_never_put_out"), Ok(()), "inside a macro");
    for wrong in [
        format!("{here}::rows"),
        format!("{here}::no_such_test"),
        format!("{here}::directory::no_such_test"),
        "rollcall::rollcall no_such_module::every_incident_is_told_whole_and_once".to_owned(),
        "rollcall incidents::every_incident_is_told_whole_and_once".to_owned(),
        "nothing incidents::every_incident_is_told_whole_and_once".to_owned(),
        "rollcall snapshot::tests::kill::settles_until_killed".to_owned(),
    ] {
        assert!(find(&wrong).is_err(), "{wrong}");
    }
}

/// What stands between backticks in a page.
fn code_spans(page: &str) -> Vec<String> {
    page.split('`').skip(1).step_by(2).map(|span| span.split_whitespace().collect()).collect()
}

/// The threat model says which test or file stops what. It names tests without their binary.
#[test]
fn the_threat_model_names_only_what_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let spans = code_spans(&read(&root.join("docs/threat-model.md")).unwrap());
    let tests: Vec<&String> = spans.iter().filter(|span| span.contains("::")).collect();
    let files: Vec<&String> = spans.iter().filter(|span| span.ends_with(".rs")).collect();
    assert!(tests.len() > 20 && files.len() > 5, "{} tests and {} files", tests.len(), files.len());
    let there = |test: &str| BINARIES.iter().any(|(binary, _)| find(&format!("{binary} {test}")).is_ok());
    assert_eq!(tests.into_iter().filter(|test| !there(test)).collect::<Vec<_>>(), Vec::<&String>::new());
    let is_missing = |file: &&String| !root.join(file).is_file();
    assert_eq!(files.into_iter().filter(is_missing).collect::<Vec<_>>(), Vec::<&String>::new());
}

/// The table of the rules names the properties that prove them, without their binary.
#[test]
fn the_table_of_rules_names_only_tests_that_are_there() {
    let page = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap();
    let section = page.split("\n## ").find(|section| section.starts_with("Rules and their properties")).unwrap();
    let rows: Vec<Vec<String>> = section.lines().filter(|line| line.contains(" | `")).map(code_spans).collect();
    assert_eq!(rows.len(), 11, "rules 1 to 7, 9, 10, 12 and 18");
    let there = |test: &String| BINARIES.iter().any(|(binary, _)| find(&format!("{binary} {test}")).is_ok());
    let missing: Vec<String> = rows.into_iter().flatten().filter(|test| !there(test)).collect();
    assert_eq!(missing, [""; 0]);
}

const PREFACE: &str = "\
# What went wrong elsewhere, and what stops it here

Programs that make an application follow a directory have put people out by mistake, kept leavers in and sent secrets
away. This is what we know of, in our own words, with the public project and the number of its issue or pull request as
the source, the rule of Rollcall that follows, and the tests that play it. A test of the source tree fails if one of
them is renamed or deleted, and if this page says something else than the table in `tests/rollcall/incidents`.

What Rollcall does not stop stands in [threat-model.md](threat-model.md).
";

/// Text in lines of at most 120 characters.
fn folded(text: &str, indent: &str) -> String {
    let (mut lines, mut line) = (String::new(), String::new());
    for word in text.split(' ') {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > 120 {
            lines.push_str(&line);
            lines.push('\n');
            line = indent.to_owned();
        } else if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines + &line + "\n"
}

fn document() -> String {
    let mut page = PREFACE.to_owned();
    for (heading, rows) in CHAPTERS {
        page.push_str(&format!("\n## {heading}\n"));
        for row in rows {
            page.push_str(&format!("\n### {}\n\n", row.title));
            page.push_str(&folded(&format!("**What happened.** {} ({})", row.happened, row.sources.join(", ")), ""));
            page.push('\n');
            page.push_str(&folded(&format!("**What stops it.** {}", row.rule), ""));
            page.push('\n');
            page.push_str("**Played by**\n\n");
            row.played.iter().for_each(|test| page.push_str(&format!("- `{test}`\n")));
        }
    }
    page
}

/// With `ROLLCALL_WRITE_DOCS=1` in the environment the page is written instead.
#[test]
fn the_page_for_administrators_is_this_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/incidents.md");
    if std::env::var_os("ROLLCALL_WRITE_DOCS").is_some() {
        std::fs::write(&path, document()).unwrap();
    }
    let differs = read(&path).unwrap_or_default() != document();
    assert!(!differs, "docs/incidents.md is not the table any more: run this test with ROLLCALL_WRITE_DOCS=1");
}

//! What the manifests ask for is what the code uses, and what `deny.toml` keeps out is not there. These tests need no tool
//! but cargo's own files; `cargo deny` checks more where it is installed (`.ci/run`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::house::{code, house_files, root, rust_files};

/// Dependencies that no code names, and why they are there.
const WITHOUT_A_NAME: [&str; 1] = [
    // Makes a build with `otel` share what a build without it made (`Cargo.toml` says how).
    "futures-executor",
];

/// A file in TOML.
fn table(path: impl AsRef<Path>) -> toml::Table {
    std::fs::read_to_string(root().join(path)).unwrap().parse().unwrap()
}

/// The folders of all crates.
fn crates() -> Vec<PathBuf> {
    let manifest = table("Cargo.toml");
    let members = manifest["workspace"]["members"].as_array().unwrap();
    let members = members.iter().map(|member| root().join(member.as_str().unwrap()));
    std::iter::once(root().to_owned()).chain(members).collect()
}

/// The names in a section of a manifest, those of single systems included.
fn section(manifest: &toml::Table, name: &str) -> Vec<String> {
    let systems = manifest.get("target").and_then(toml::Value::as_table);
    let sections = systems.into_iter().flatten().filter_map(|(_, system)| system.get(name)).chain(manifest.get(name));
    sections.filter_map(toml::Value::as_table).flat_map(toml::Table::keys).cloned().collect()
}

/// The code of the tests, examples and benchmarks of a crate, in its sources too.
fn code_of_tests(folder: &Path) -> String {
    let folders = ["src", "examples", "benches", "tests"].map(|name| folder.join(name));
    // Below the engine's `tests` there is a crate of its own.
    let foreign = root().join("tests/servers");
    let files = folders.iter().filter(|folder| folder.is_dir()).flat_map(|folder| rust_files(folder));
    let files = files.filter(|file| folder == foreign || !file.starts_with(&foreign));
    files.map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

/// Whether code names a crate: `name::…`, at the beginning of a path.
fn names(code: &str, dependency: &str) -> bool {
    let name = format!("{}::", dependency.replace('-', "_"));
    let within = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .any(|line| line.match_indices(&name).any(|(at, _)| !line[..at].ends_with(within)))
}

#[test]
fn every_dependency_is_named_by_the_code_that_it_is_there_for() {
    let mut idle = Vec::new();
    for folder in crates() {
        let manifest = table(folder.join("Cargo.toml"));
        let house: String = house_files(&folder.join("src")).iter().map(|file| code(file)).collect();
        let tests = code_of_tests(&folder);
        for (section_name, code) in [("dependencies", &house), ("dev-dependencies", &tests)] {
            for dependency in section(&manifest, section_name) {
                if !names(code, &dependency) && !WITHOUT_A_NAME.contains(&dependency.as_str()) {
                    idle.push(format!("{}: {section_name}: {dependency}", folder.display()));
                }
            }
        }
    }
    assert!(idle.is_empty(), "nobody uses:\n{}", idle.join("\n"));
}

#[test]
fn every_version_in_the_list_of_the_workspace_is_taken_by_a_crate() {
    let manifests: Vec<toml::Table> = crates().iter().map(|folder| table(folder.join("Cargo.toml"))).collect();
    let taken: Vec<String> = manifests
        .iter()
        .flat_map(|manifest| [section(manifest, "dependencies"), section(manifest, "dev-dependencies")].concat())
        .collect();
    for name in table("Cargo.toml")["workspace"]["dependencies"].as_table().unwrap().keys() {
        assert!(taken.contains(name), "no crate takes {name}");
    }
}

#[test]
fn no_crate_is_there_that_is_kept_out_and_none_comes_from_elsewhere_than_the_registry() {
    let lock = table("Cargo.lock");
    let locked = lock["package"].as_array().unwrap();
    let banned = table("deny.toml");
    let banned: Vec<&str> =
        banned["bans"]["deny"].as_array().unwrap().iter().map(|ban| ban["crate"].as_str().unwrap()).collect();
    assert!(locked.len() > 100 && banned.len() > 2, "the files are not read as they should be");
    let mut sources = BTreeSet::new();
    for package in locked {
        let name = package["name"].as_str().unwrap();
        assert!(!banned.contains(&name), "{name} is in the tree, and deny.toml keeps it out");
        sources.extend(package.get("source").and_then(toml::Value::as_str));
    }
    let [registry] = Vec::from_iter(sources)[..] else { panic!("crates come from several places") };
    assert!(registry.starts_with("registry+"), "crates come from {registry}");
}

#[test]
fn every_advisory_that_is_ignored_is_explained() {
    let explained = std::fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let rules = table("deny.toml");
    for ignored in rules["advisories"]["ignore"].as_array().unwrap() {
        let id = ignored["id"].as_str().unwrap();
        assert!(explained.contains(id), "SECURITY.md does not say why {id} does not reach us");
    }
}

#[test]
fn the_scan_sees_what_it_should() {
    assert!(names("use serde::Deserialize;", "serde"));
    assert!(names("let text = (serde_json::json!(1));", "serde-json"));
    assert!(!names("use rollcall_kit::http::Client; my_http::x", "http"));
    assert!(!names("// http::Request", "http"));
}

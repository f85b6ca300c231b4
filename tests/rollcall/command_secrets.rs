//! Secrets never leave: not in anything that a command prints at the highest log level, and not in anything that it
//! writes to disk. And what is kept of people is nothing that other users of the machine can read.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rollcall::demo::sandbox::Fault;

use super::command_support::Site;

/// Files below a folder that contain these bytes, except for the one that is the secret's own.
pub(crate) fn holders(folder: &Path, secret: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            if bytes.windows(secret.len()).any(|window| window == secret.as_bytes()) {
                found.push(path.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found
}

/// Files below a folder that other users of the machine can reach and read, or change.
fn open_to_others(folder: &Path) -> Vec<PathBuf> {
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
    if mode(folder) & 0o007 == 0 {
        return Vec::new();
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(open_to_others(&path));
        } else if mode(&path) & 0o007 != 0 {
            found.push(path);
        }
    }
    found
}

#[test]
fn what_is_kept_of_people_is_closed_to_other_users_of_the_machine() {
    let site = Site::new();
    // As a service manager leaves it, and an older version.
    std::fs::create_dir_all(site.path("state/lumen")).unwrap();
    site.mode("state", 0o755);
    site.mode("state/lumen", 0o755);
    site.run(&["apply", "--yes"]).ends_with(0);
    site.directory(&super::command_support::staff_but(|company| company.people[0].name.0 = "Augusta".to_owned()));
    site.write("plan.json.part", "left by a plan that was cut short");
    site.mode("plan.json.part", 0o644);
    site.run(&["plan", "-o", "plan.json"]).ends_with(0);
    assert!(site.read("plan.json").contains("Augusta"), "a plan names people");
    assert!(site.path("state/lumen/db").is_dir(), "the snapshot is below the state directory");

    assert_eq!(open_to_others(&site.path("state")), Vec::<PathBuf>::new());
    let plan = std::fs::metadata(site.path("plan.json")).unwrap().permissions().mode();
    assert_eq!(plan & 0o777, 0o600);
}

#[test]
fn a_token_is_in_nothing_that_is_printed_or_kept_whatever_happens() {
    let site = Site::new();
    let token = site.sandbox.token().to_owned();
    assert!(token.len() > 8, "a token that could be found by chance proves nothing");
    let commands: [&[&str]; 10] = [
        &["check"],
        &["plan", "-o", "plan.json"],
        &["plan", "--format", "html"],
        &["apply", "--yes"],
        &["apply", "plan.json", "--yes"],
        &["status", "--format", "json"],
        &["history"],
        &["show", "last", "--format", "json"],
        &["explain", "nobody@nowhere.example", "--live"],
        &["schema"],
    ];
    let mut printed = 0;
    for refused in [false, true] {
        if refused {
            site.sandbox.inject(Fault::RefuseTokens);
        }
        for arguments in commands {
            let mut command = site.command(arguments);
            let ran = super::command_support::ran(command.arg("-vv").env("ROLLCALL_LOG", "trace"));
            for text in [&ran.out, &ran.err] {
                printed += text.len();
                assert!(!text.contains(&token), "{arguments:?} printed the token:\n{text}");
            }
        }
    }
    assert!(printed > 10_000, "the log was not switched on");
    assert_eq!(holders(&site.path(""), &token), ["token"], "the token was kept");
}

/// The person on the host who may write where the configuration lies is its author from then on.
#[test]
fn a_configuration_that_every_user_of_the_machine_could_write_is_refused_by_every_command() {
    let site = Site::settled();
    site.mode("config.toml", 0o666);
    for command in
        [&["plan"] as &[&str], &["apply", "--yes"], &["check"], &["status"], &["explain", "ada"], &["reconcile"]]
    {
        let ran = site.run(command).ends_with(78);
        assert!(ran.err.contains("chmod o-w") && ran.err.contains("mode 0666"), "{command:?}: {}", ran.err);
    }
    site.mode("config.toml", 0o644);
    site.run(&["plan"]).ends_with(0);
}

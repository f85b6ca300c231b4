//! Secrets never leave: not in anything that a command prints at the highest log level, and not in anything that it
//! writes to disk.

use std::path::Path;

use rollcall::demo::sandbox::Fault;

use super::command_support::Site;

/// Files below a folder that contain these bytes, except for the one that is the secret's own.
fn holders(folder: &Path, secret: &str) -> Vec<String> {
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

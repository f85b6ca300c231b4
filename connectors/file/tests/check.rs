//! What `check` says.

use rollcall_file::{FileSettings, connector};
use rollcall_kit::{CheckFinding, CheckLevel, Connector, ReadError};

use crate::support::{Folder, wait};

fn check(folder: &Folder, settings: FileSettings) -> String {
    let findings: Vec<CheckFinding> = wait(connector(settings).unwrap().check()).unwrap();
    findings
        .iter()
        .map(|finding| {
            let level = match finding.level {
                CheckLevel::Good => "good",
                CheckLevel::Warning => "warning",
                CheckLevel::Problem => "problem",
            };
            format!("{level}: {}\n", finding.sentence)
        })
        .collect::<String>()
        .replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn check_counts_and_names_what_somebody_should_look_at() {
    let folder = Folder::new();
    let settings = FileSettings::of(folder.write(
        "staff.json",
        r#"{"users": [
            {"id": "1", "email": "ana@acme.com", "depatment": "HR"},
            {"id": "2", "status": "furlough"},
            {"id": "3", "email": "cy@acme.com", "status": "disabled"},
            {"id": "4", "email": "dee@acme.com", "name": ["Dee"]}
        ], "groups": [{"id": "g", "name": "all", "members": ["1", "x"]}]}"#,
    ));
    insta::assert_snapshot!(check(&folder, settings));
}

#[test]
fn check_says_what_is_wrong_with_a_file_and_fails_if_there_is_none() {
    let folder = Folder::new();
    let settings = FileSettings::of(folder.write("staff.csv", "id,email\n1,ana@acme.com\n2,bo"));
    insta::assert_snapshot!(check(&folder, settings));
    let missing = connector(FileSettings::of(folder.path().join("no.csv"))).unwrap();
    assert!(matches!(wait(missing.check()), Err(ReadError::Unreachable { .. })));
}

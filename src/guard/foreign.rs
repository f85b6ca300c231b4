//! A plan file that was damaged is refused, or still says what it said.

use std::sync::LazyLock;

use proptest::prelude::*;
use rollcall_kit::damage::{cases, damaged_text};

use super::{Limits, Occasion, PlanFile, Protection, review};
use crate::plan::PlanSettings;
use crate::plan::world::{Directory, World, judged, role, wanted};
use crate::roster::Standing;

/// A plan that is held, with creations, roles and an edited attribute.
fn file() -> PlanFile {
    let mut settings = PlanSettings::new("2026-11-23T09:00:00Z".parse().unwrap());
    settings.managed_roles.insert(role("admin"), vec!["admins".to_owned()]);
    let mut directory = Directory {
        judged: vec![
            wanted("u1", "ana@acme.com", &[("name", "Ana")], &["admin"]),
            wanted("u2", "bo@acme.com", &[("name", "Bo \u{1f600}")], &[]),
        ],
        absences: std::collections::BTreeMap::new(),
        settings,
    };
    let mut world = World::empty();
    let plan = world.plan(&directory).plan;
    assert!(world.apply(&plan, &directory.settings).is_empty());
    directory.judged[0] = wanted("u1", "ana@acme.com", &[("name", "Ana \"\\\" Lab")], &[]);
    directory.judged[1] = judged("u2", "bo@acme.com", Standing::Withheld);
    directory.judged.push(wanted("u3", "cy@acme.com", &[("name", "Cy")], &["admin"]));
    let planned = world.plan(&directory);
    let occasion = Occasion { first_plan: true, ..Occasion::default() };
    PlanFile::of(&review(planned.plan, &Limits::default(), &Protection::default(), &occasion, &planned.holdings))
}

static FILE: LazyLock<PlanFile> = LazyLock::new(file);

const WORDS: [&str; 24] = [
    "\"",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    " ",
    "\n",
    "\\",
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1e3",
    "18446744073709551616",
    "\"version\": 2,",
    "\"held\": false,",
    "\"changes\": [],",
    "\"note\": \"x\",",
    "\"plan\": {},",
    "\"destructive\": true,",
    "\"acme\"",
];

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn a_damaged_plan_file_is_refused_or_still_says_what_it_said(
        text in damaged_text(&[&FILE.to_json(), &serde_json::to_string(&*FILE).unwrap()], &WORDS),
    ) {
        match PlanFile::from_json(&text) {
            Ok(read) => {
                prop_assert_eq!(&read, &*FILE, "{}", text);
                let said: serde_json::Value = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(said, serde_json::to_value(&*FILE).unwrap());
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}

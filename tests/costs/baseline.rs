//! The committed figures, and the comparison with them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::figures::Figure;

/// Set to anything, the baseline is written anew instead of being compared with.
const RENEW: &str = "ROLLCALL_RENEW_BASELINE";

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/baseline.json")
}

/// Fails if a figure is not what the baseline says. Less is a failure, too: a baseline that lies above what things cost
/// does not see the next one who makes them dearer.
pub(super) fn compare(figures: &[Figure]) {
    if std::env::var_os(RENEW).is_some() {
        return write(figures);
    }
    let known: Value = serde_json::from_slice(&std::fs::read(file()).unwrap()).unwrap();
    let mut wrong = String::new();
    for Figure { name, value, tolerance } in figures {
        let Some(baseline) = known[name]["baseline"].as_u64() else {
            let _ = writeln!(wrong, "{name}: {value}, and the baseline has no such figure");
            continue;
        };
        if value.abs_diff(baseline) * 100 > baseline * tolerance {
            let how = if *value > baseline { "more" } else { "less" };
            let _ = writeln!(wrong, "{name}: {value}, {how} than the baseline, which is {baseline} ± {tolerance} %");
        }
    }
    for name in known.as_object().unwrap().keys() {
        if figures.iter().all(|figure| figure.name != *name) {
            let _ = writeln!(wrong, "{name}: was not measured");
        }
    }
    assert!(
        wrong.is_empty(),
        "the costs of a small company are not those of benches/baseline.json:\n{wrong}If that is meant, renew it and \
         commit it with the reason:\n    {RENEW}=1 cargo test --test costs\n"
    );
}

fn write(figures: &[Figure]) {
    let entry = |figure: &Figure| {
        (figure.name.clone(), json!({ "baseline": figure.value, "tolerance_percent": figure.tolerance }))
    };
    let all: serde_json::Map<String, Value> = figures.iter().map(entry).collect();
    std::fs::write(file(), format!("{:#}\n", Value::Object(all))).unwrap();
}

//! What older runs lose, and how those that did nothing become one. Pure.
//!
//! A company at rest has a run every few minutes, and each says that nothing had changed since the same one. Beyond the
//! newest they say it together: the last of them stands for all, with how many they were, since when, and from which on.
//! The run whose plan they took over is none of them, and stays.

use serde_json::{Map, Value, json};

use super::engine::files::FileName;

/// The parts of a run that may be large, and what stands for one that is not there.
pub(super) const PARTS: [(&str, Value); 5] = [
    ("plan", Value::Null),
    ("open", Value::Null),
    ("waiting", Value::Null),
    ("outcomes", Value::Array(Vec::new())),
    ("drift", Value::Null),
];

/// The member of a header that names a file in the place of a part.
pub(super) const IN_FILE: &str = "$file";

/// The member that says for how many runs a header stands.
const FOLDED: &str = "folded";

/// The file in which a part lies; none if it lies in the header.
pub(super) fn file_of(part: &Value) -> Option<FileName> {
    serde_json::from_value(part.as_object()?.get(IN_FILE)?.clone()).ok()
}

/// The header of an older run without the parts of it that are bulky, and without all of them if it ended with a plan that
/// nothing held and nobody applied; none if there is nothing to take away.
pub(super) fn without_bulk(header: &Value, bulky: u64) -> Option<Value> {
    let is_of_nobody = result(header) == Some("planned");
    let mut slim = header.clone();
    for (part, nothing) in PARTS {
        if let Some(value) = slim.get_mut(part)
            && (is_of_nobody || file_of(value).is_some_and(|name| name.length > bulky))
        {
            *value = nothing;
        }
    }
    for proof in ["certificate", "changes"] {
        if let Some(value) = slim.get_mut(proof).filter(|_| is_of_nobody) {
            *value = Value::Null;
        }
    }
    (slim != *header).then_some(slim)
}

/// One header for two runs that follow one another, if both found that nothing had changed since the same run.
pub(super) fn folded(newer: &Value, older: &Value, older_id: &str) -> Option<Value> {
    let at_rest = |header: &Value| match result(header) == Some("nothing-to-do") && header["decision"].is_null() {
        true => header["unchanged_since"].as_str().map(str::to_owned),
        false => None,
    };
    if at_rest(newer)? != at_rest(older)? {
        return None;
    }
    let runs = |header: &Value| header[FOLDED]["runs"].as_u64().unwrap_or(1);
    let (first, since) = match older[FOLDED].as_object() {
        Some(folded) => (folded.get("first")?.clone(), folded.get("since")?.clone()),
        None => (Value::from(older_id), older["started"].clone()),
    };
    let mut both: Map<String, Value> = newer.as_object()?.clone();
    both.insert(FOLDED.to_owned(), json!({ "runs": runs(newer) + runs(older), "first": first, "since": since }));
    Some(Value::Object(both))
}

/// The first of the runs for which a header stands, if it stands for several.
pub(super) fn first(header: &Value) -> Option<&str> {
    header[FOLDED]["first"].as_str()
}

fn result(header: &Value) -> Option<&str> {
    header["result"]["result"].as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_rest(started: &str, since: &str) -> Value {
        json!({"result": {"result": "nothing-to-do"}, "started": started, "unchanged_since": since, "decision": null})
    }

    #[test]
    fn runs_that_found_nothing_changed_since_the_same_run_are_one() {
        let two = folded(&at_rest("10:15", "a"), &at_rest("10:00", "a"), "b").unwrap();
        assert_eq!(two["folded"], json!({"runs": 2, "first": "b", "since": "10:00"}));
        assert_eq!(two["started"], "10:15");
        let three = folded(&at_rest("10:30", "a"), &two, "c").unwrap();
        assert_eq!(three["folded"], json!({"runs": 3, "first": "b", "since": "10:00"}));
        assert_eq!(first(&three), Some("b"));
    }

    #[test]
    fn no_other_run_is_folded() {
        let quiet = at_rest("10:15", "a");
        let mut decided = quiet.clone();
        decided["decision"] = json!({"verdict": "approved"});
        let applied = json!({"result": {"result": "applied"}, "unchanged_since": "a"});
        let of_its_own = json!({"result": {"result": "nothing-to-do"}, "unchanged_since": null});
        for other in [&decided, &applied, &of_its_own, &at_rest("10:00", "b"), &json!({})] {
            assert_eq!(folded(&quiet, other, "b"), None, "{other}");
            assert_eq!(folded(other, &quiet, "b"), None, "{other}");
        }
    }

    #[test]
    fn an_older_plan_that_nobody_kept_loses_everything_and_another_what_is_bulky() {
        let file = |length: u64| json!({IN_FILE: {"hash": "0a", "length": length}});
        let planned = json!({"result": {"result": "planned"}, "plan": file(10), "certificate": {"users": 3}});
        let slim = without_bulk(&planned, 100).unwrap();
        assert_eq!(slim, json!({"result": {"result": "planned"}, "plan": null, "certificate": null}));
        assert_eq!(without_bulk(&slim, 100), None);
        let applied = |plan: Value| json!({"result": {"result": "applied"}, "plan": plan, "certificate": {"users": 3}});
        assert_eq!(without_bulk(&applied(file(10)), 100), None);
        assert_eq!(without_bulk(&applied(file(101)), 100), Some(applied(Value::Null)));
    }
}

//! How keys were called and lengths of time were written in versions before, so that somebody who upgrades is told exactly
//! what to write now.

use rollcall_kit::HumanDuration;
use toml::de::DeValue;

use super::expect;

/// Keys that have another name now: the old name and the new one.
const RENAMED: [(&str, &str); 5] = [
    ("concurrency", "parallel"),
    ("delete_after_days", "delete_after"),
    ("expiry_days", "before_expiry"),
    ("places", "containers"),
    ("queries_per_minute", "requests_per_minute"),
];

/// Keys whose numbers were no seconds, by the name that they had, and the seconds of their unit.
const UNITS: [(&str, i128); 3] = [("activity_lag", 60), ("delete_after_days", 86_400), ("expiry_days", 86_400)];

/// What to say of a key that a table does not know, if the table knows it by another name.
pub(super) fn renamed<'k>(
    name: &str,
    value: &DeValue<'_>,
    mut known: impl Iterator<Item = &'k String>,
) -> Option<String> {
    let (_, new) = RENAMED.iter().find(|(old, _)| *old == name)?;
    known.find(|key| key == new)?;
    let told = format!("`{name}` is called `{new}` now");
    let has_unit = UNITS.iter().any(|(key, _)| *key == name);
    Some(match respelled(name, value).filter(|_| has_unit) {
        Some(spelled) => format!("{told}; write {new} = {spelled}"),
        None => told,
    })
}

/// A bare number, or a list of them, as a length of time is written: `"2h"` for 7200 seconds.
pub(super) fn respelled(name: &str, value: &DeValue<'_>) -> Option<String> {
    if let DeValue::Array(items) = value {
        let items: Option<Vec<String>> = items.iter().map(|item| respelled(name, item.get_ref())).collect();
        return items.map(|items| format!("[{}]", items.join(", ")));
    }
    let unit = UNITS.iter().find(|(key, _)| *key == name).map_or(1, |(_, unit)| *unit);
    let seconds = expect::whole_number(value)?.checked_mul(unit)?;
    Some(format!("\"{}\"", HumanDuration::seconds(seconds.try_into().ok()?)))
}

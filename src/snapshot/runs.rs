//! How long runs are remembered, the same for every store.

use serde_json::Value;

/// Runs that are kept.
pub(super) const KEPT: usize = 200;

/// The newest runs, whose plans are kept whatever their size.
pub(super) const WITH_PLAN: usize = 20;

/// Bytes of a run's record beyond which an older run's plan is dropped. The first plan of a large organization has
/// hundreds of megabytes, and two hundred of those would be all that the disk holds.
pub(super) const BULKY: usize = 256 << 10;

/// The record without its plan, and without the part of it that waited.
pub(super) fn without_plan(mut record: Value) -> Value {
    for part in ["plan", "waiting"] {
        if let Some(plan) = record.get_mut(part) {
            *plan = Value::Null;
        }
    }
    record
}

/// The one id that is this id or begins with it; none if several do.
pub(super) fn pick<'a>(ids: impl Iterator<Item = &'a str>, wanted: &str) -> Option<&'a str> {
    let mut found = None;
    for id in ids.filter(|id| id.starts_with(wanted)) {
        if id == wanted {
            return Some(id);
        }
        if found.replace(id).is_some() {
            return None;
        }
    }
    found.filter(|_| !wanted.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_that_fits_several_runs_picks_none() {
        let ids = ["0a1", "0a2", "0b1"];
        assert_eq!(pick(ids.into_iter(), "0a"), None);
        assert_eq!(pick(ids.into_iter(), "0b"), Some("0b1"));
        assert_eq!(pick(ids.into_iter(), ""), None);
        assert_eq!(pick(["0a", "0a1"].into_iter(), "0a"), Some("0a"), "the whole id is not ambiguous");
    }
}

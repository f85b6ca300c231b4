//! Holds in sentences: why a plan waits for a person.

use super::document::Text;
use super::words::{clean, count, number, sentence};
use crate::guard::Hold;

/// Why a plan is held, in a sentence, and below it the people by cause.
pub(super) fn hold(hold: &Hold) -> (String, Vec<String>) {
    match hold {
        Hold::FirstPlan => (
            "This is the organization's first plan. A first plan waits until somebody has read it.".to_owned(),
            Vec::new(),
        ),
        Hold::RulesChanged => (
            "Scope, mapping or the directory's settings changed since the last plan was applied, and this plan takes something away.".to_owned(),
            Vec::new(),
        ),
        Hold::OverLimit { limit, number, of, count, percent, because } => {
            let because = because.iter().map(|(people, cause)| {
                format!("{} because {}", self::number(*people), clean(cause).trim_start_matches("because "))
            });
            (over(limit, *number, *of, (*count, *percent)), because.collect())
        }
        Hold::Finding { sentence } => (self::sentence(&clean(sentence)), Vec::new()),
    }
}

/// What lets a held plan pass. What only waits for somebody to look is answered with a yes; what goes beyond a limit is
/// approved as it stands, by the file that holds exactly these changes.
pub(super) fn what_to_do(holds: &[Hold], organization: &str) -> (&'static str, Text) {
    let organization = clean(organization);
    let commands = if holds.iter().all(Hold::needs_only_a_look) {
        format!("rollcall apply {organization}, and answer yes or pass --yes")
    } else {
        format!("rollcall plan {organization} -o FILE, look at FILE, rollcall apply FILE")
    };
    ("if it is right", commands.into())
}

fn over(limit: &str, changes: u64, of: u64, (most, percent): (u64, u8)) -> String {
    let what = limit.replace(['_', '-'], " ");
    let what = if changes == 1 { what.strip_suffix('s').unwrap_or(&what).to_owned() } else { what };
    let share = if of > 0 { format!(" of {} ({}%)", number(of), tenths(changes, of)) } else { String::new() };
    let bound = match (changes > most, u128::from(changes) * 100 > u128::from(percent) * u128::from(of)) {
        (true, true) => format!("{}, and more than {percent}%", number(most)),
        (true, false) => number(most),
        _ => format!("{percent}%"),
    };
    format!(
        "{}{share}: the limit `{limit}` lets no more than {} pass without a person.",
        count(changes, &what, &what),
        bound.replace(", and more than", " or")
    )
}

/// A share in per cent, to a tenth, rounded half up.
fn tenths(part: u64, of: u64) -> String {
    let tenths = (u128::from(part) * 2_000 / u128::from(of)).div_ceil(2);
    if tenths % 10 == 0 { (tenths / 10).to_string() } else { format!("{}.{}", tenths / 10, tenths % 10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(number: u64, of: u64) -> String {
        let because = vec![(number, "because group eng-all vanished".to_owned())];
        hold(&Hold::OverLimit { limit: "role_revocations".to_owned(), number, of, count: 50, percent: 5, because }).0
    }

    #[test]
    fn a_limit_names_the_bound_that_was_exceeded() {
        assert!(limit(60, 10_000).contains("60 role revocations of 10,000 (0.6%)"), "{}", limit(60, 10_000));
        assert!(limit(60, 10_000).contains("no more than 50 pass"));
        assert!(limit(14, 100).contains("no more than 5% pass"));
        assert!(limit(60, 100).contains("no more than 50 or 5% pass"));
        assert!(limit(1, 3).contains("1 role revocation of 3 (33.3%)"), "{}", limit(1, 3));
    }
}

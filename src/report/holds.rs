//! Holds in sentences: why a plan waits for a person.

use super::document::Text;
use super::words::{clean, count, label, number, sentence, time};
use crate::guard::hold::some_of;
use crate::guard::{Decision, Hold, Verdict};
use crate::plan::PlanId;
use crate::schedule::Forbids;

/// Why a plan is held, in a sentence, and below it the people by cause.
pub(super) fn hold(hold: &Hold) -> (String, Vec<String>) {
    match hold {
        Hold::FirstPlan => (
            "This is the organization's first plan. A first plan waits until somebody has read it.".to_owned(),
            Vec::new(),
        ),
        Hold::RulesChanged { because, people } => (
            "Scope, mapping or the directory's settings were edited since the last plan was applied, and that takes \
             something away."
                .to_owned(),
            causes(because, people),
        ),
        Hold::OverLimit { limit, within, number, of, count, percent, because, people } => {
            (over((limit, within.as_deref()), *number, *of, (*count, *percent)), causes(because, people))
        }
        Hold::Finding { sentence } => (self::sentence(&clean(sentence)), Vec::new()),
        Hold::Blackout { forbids, until } => (
            format!(
                "{} before {}: a blackout of the configuration. It waits by itself.",
                match forbids {
                    Forbids::Removals => "Nothing is taken from anybody",
                    Forbids::Writes => "Nothing is written",
                },
                time(*until)
            ),
            Vec::new(),
        ),
        Hold::Rejected { decision } => (
            format!(
                "{} rejected this at {} (plan {}). It is not offered for approval again.",
                clean(&decision.who),
                time(decision.at),
                decision.plan
            ),
            Vec::new(),
        ),
        Hold::BeyondApproval { decision } => (
            format!(
                "This is not part of plan {}, which {} approved at {}. The next run reviews it by itself.",
                decision.plan,
                clean(&decision.who),
                time(decision.at)
            ),
            Vec::new(),
        ),
    }
}

/// The people by cause: `all 14 because the group eng-all vanished: ann@acme.com, bob@acme.com and 12 more`.
fn causes(because: &[(u64, String)], people: &[Vec<String>]) -> Vec<String> {
    let line = |(index, (of_cause, cause)): (usize, &(u64, String))| {
        let all = if because.len() == 1 && *of_cause > 1 { "all " } else { "" };
        let named: Vec<String> = people.get(index).into_iter().flatten().map(|name| label(name)).collect();
        let named = if named.is_empty() { String::new() } else { format!(": {}", some_of(&named, *of_cause)) };
        format!("{all}{} because {}{named}", number(*of_cause), clean(cause).trim_start_matches("because "))
    };
    because.iter().enumerate().map(line).collect()
}

/// What lets a held plan pass, and what keeps it from being asked about again. What only waits for somebody to look is
/// answered with a yes; what goes beyond a limit is approved as it stands, by its id, for exactly its changes.
pub(super) fn what_to_do(holds: &[Hold], organization: &str, plan: &PlanId) -> [Option<(&'static str, Text)>; 2] {
    let organization = clean(organization);
    let id = plan.0.get(..8).unwrap_or(&plan.0);
    if holds.iter().any(Hold::is_rejection) {
        let command = format!("rollcall approve {id} --although-rejected");
        return [Some(("if that has changed", command.into())), None];
    }
    let right = if holds.iter().all(Hold::needs_only_a_look) {
        format!("rollcall apply {organization} (answer yes, or pass --yes), or rollcall approve {id} for the next run")
    } else {
        format!("rollcall approve {id}, and the next run (or rollcall apply {organization}) does exactly this, once")
    };
    [Some(("if it is right", right.into())), Some(("if it is not", format!("rollcall reject {id}").into()))]
}

fn over((limit, within): (&str, Option<&str>), changes: u64, of: u64, (most, percent): (u64, Option<u8>)) -> String {
    let what = limit.replace(['_', '-'], " ");
    let singular = |what: &str| what.strip_suffix('s').unwrap_or(what).to_owned();
    let within = clean(within.unwrap_or_default());
    let what = match limit {
        "attribute_changes" => count(changes, &format!("change of {within}"), &format!("changes of {within}")),
        "role_revocations_per_role" => {
            count(changes, &format!("revocation of {within}"), &format!("revocations of {within}"))
        }
        "member_removals_per_group" => {
            count(changes, &format!("member removal from {within}"), &format!("member removals from {within}"))
        }
        "protected_grants" => count(changes, "grant of a protected role", "grants of protected roles"),
        _ => count(changes, &singular(&what), &what),
    };
    let share = match (of, percent) {
        (1.., Some(_)) => format!(" of {} ({}%)", number(of), tenths(changes, of)),
        _ => String::new(),
    };
    let beyond = percent.filter(|percent| u128::from(changes) * 100 > u128::from(*percent) * u128::from(of));
    let bound = match (changes > most, beyond) {
        (true, Some(percent)) => format!("{} or {percent}%", number(most)),
        (_, None) => number(most),
        (false, Some(percent)) => format!("{percent}%"),
    };
    format!("{what}{share}: the limit `{limit}` lets no more than {bound} pass without a person.")
}

/// A share in per cent, to a tenth, rounded half up.
fn tenths(part: u64, of: u64) -> String {
    let tenths = (u128::from(part) * 2_000 / u128::from(of)).div_ceil(2);
    if tenths % 10 == 0 { (tenths / 10).to_string() } else { format!("{}.{}", tenths / 10, tenths % 10) }
}

/// What somebody decided, in words: `approved by ada at 2026-11-23 09:00:00 UTC, with rollcall approve`.
pub(super) fn decided(decision: &Decision) -> String {
    let verdict = match decision.verdict {
        Verdict::Approved => "approved",
        Verdict::Rejected => "rejected",
    };
    format!("{verdict} by {}", by(decision))
}

pub(super) fn by(decision: &Decision) -> String {
    let (who, how) = (clean(&decision.who), clean(&decision.how));
    format!("{who} at {}, {how} (plan {})", time(decision.at), decision.plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(number: u64, of: u64) -> String {
        let because = vec![(number, "group eng-all vanished".to_owned())];
        let (limit, within, people) = ("role_revocations".to_owned(), None, Vec::new());
        hold(&Hold::OverLimit { limit, within, number, of, count: 50, percent: Some(5), because, people }).0
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

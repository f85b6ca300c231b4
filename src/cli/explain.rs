//! `rollcall explain`: why somebody is there or is not, gate by gate.

use super::arguments::ExplainArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::place::Place;
use super::select;
use crate::explain::{Explanation, GateVerdict};
use crate::report::explain::{self, Answer, Gate, Verdict};
use crate::report::json;

/// Explains one person in one organization or in all of them.
pub(super) async fn explain(place: &Place<'_>, arguments: &ExplainArguments) -> Result<Exit, Failure> {
    let mut answers = Vec::new();
    for organization in select::organizations(place.configuration, arguments.organization.as_deref())? {
        let session = place.look(organization).await?;
        let session = match place.at_work_since(&organization.name) {
            Some(since) => session.beside(since),
            None => session,
        };
        let explained = session.explain(&arguments.who, arguments.live).await.map_err(Failure::from)?;
        answers.extend(explained.into_iter().map(|explanation| told(&organization.name, explanation)));
    }
    let document = explain::document(&answers);
    place.show(arguments.format, &document, || json::explain(&answers))?;
    Ok(Exit::Done)
}

/// An explanation as the report shows it.
pub(super) fn told(organization: &str, explanation: Explanation) -> Answer {
    let verdict = |verdict| match verdict {
        GateVerdict::Passed => Verdict::Passed,
        GateVerdict::Stopped => Verdict::Stopped,
        GateVerdict::Told => Verdict::Told,
    };
    Answer {
        who: explanation.who,
        organization: organization.to_owned(),
        gates: explanation
            .gates
            .into_iter()
            .map(|gate| Gate::new(verdict(gate.verdict), gate.title, gate.detail))
            .collect(),
        conclusion: explanation.conclusion,
        notes: explanation.notes,
    }
}

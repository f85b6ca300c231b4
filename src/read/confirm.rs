//! Confirms absences: whoever is missing from a read is looked up by id before anything is concluded.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

use futures::{FutureExt as _, StreamExt as _, stream};
use rollcall_kit::{Connector, DirectoryId, LookUp};
use serde::{Deserialize, Serialize};

use super::ReadFailure;
use super::drive::broke;

/// Look-ups in flight.
const AT_ONCE: usize = 4;

/// People that a contradiction names; with so many found, nothing more is to be learnt.
const NAMED: usize = 5;

/// Why somebody is missing from a read, confirmed by a look-up of his id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Absence {
    /// The directory, asked for the id, says that there is nobody.
    Gone,
    /// The directory holds him outside of what the connector reads; the text says where and by which setting.
    OutOfReach(String),
}

/// Looks everybody up who is missing from a read. `progress` is told how many of how many are done.
///
/// # Errors
///
/// [`ReadFailure::Contradiction`] if one of them is within reach after all: then the read was wrong, and nothing may be
/// concluded from any of it. [`ReadFailure::Directory`] if a look-up does not settle the question.
pub async fn confirm(
    connector: &dyn Connector,
    missing: &[DirectoryId],
    mut progress: impl FnMut(u64, u64),
) -> Result<BTreeMap<DirectoryId, Absence>, ReadFailure> {
    let of = missing.len() as u64;
    let mut answers = stream::iter(missing.iter().cloned()).map(|id| look_up(connector, id)).buffer_unordered(AT_ONCE);
    let (mut absent, mut found) = (BTreeMap::new(), Vec::new());
    let mut done = 0;
    while let Some(answer) = answers.next().await {
        let (id, answer) = answer?;
        match answer {
            LookUp::Gone => {
                absent.insert(id, Absence::Gone);
            }
            LookUp::OutOfReach(_, detail) => {
                absent.insert(id, Absence::OutOfReach(detail));
            }
            LookUp::Found(user) => found.push(user.label()),
        }
        done += 1;
        progress(done, of);
        if found.len() == NAMED {
            break;
        }
    }
    if found.is_empty() {
        return Ok(absent);
    }
    found.sort_unstable();
    Err(ReadFailure::Contradiction { number: found.len(), named: found })
}

async fn look_up(connector: &dyn Connector, id: DirectoryId) -> Result<(DirectoryId, LookUp), ReadFailure> {
    let answer = AssertUnwindSafe(connector.look_up(&id)).catch_unwind().await;
    let answer = answer.map_err(|panic| broke(connector, "looked somebody up", &*panic))??;
    Ok((id, answer))
}

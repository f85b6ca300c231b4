//! Confirms absences: whoever is missing from a read is looked up by id before anything is concluded.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

use futures::{FutureExt as _, StreamExt as _, stream};
use rollcall_kit::{Connector, DirectoryId, InactiveReason, LookUp, ReadError, Status};
use serde::{Deserialize, Serialize};

use super::drive::broke;
use super::failure::{Missed, ReadFailure};

/// Look-ups in flight.
const AT_ONCE: usize = 4;

/// People that a contradiction names; with so many found, nothing more is to be learnt.
const NAMED: usize = 5;

/// Why somebody is missing from a read, confirmed by a look-up of their id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Absence {
    /// The directory, asked for the id, says that there is nobody.
    Gone,
    /// The directory holds them outside of what the connector reads; the text says where and by which setting.
    OutOfReach(String),
    /// The directory holds them, and says that they may not work any more: a positive fact, whatever the read missed. The
    /// text is the provider's own.
    Inactive(InactiveReason, String),
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
    let batches = missing.chunks(connector.look_up_batch().max(1)).map(<[DirectoryId]>::to_vec);
    let mut answers = stream::iter(batches).map(|ids| look_up(connector, ids)).buffer_unordered(AT_ONCE);
    let (mut absent, mut found) = (BTreeMap::new(), Vec::new());
    let mut done = 0;
    while let Some(answered) = answers.next().await {
        let (ids, answers) = answered?;
        done += ids.len() as u64;
        for (id, answer) in ids.into_iter().zip(answers) {
            match answer {
                LookUp::Gone => drop(absent.insert(id, Absence::Gone)),
                LookUp::OutOfReach(_, detail) => drop(absent.insert(id, Absence::OutOfReach(detail))),
                LookUp::Found(user) => match user.status {
                    Status::Inactive(reason) => {
                        drop(absent.insert(id, Absence::Inactive(reason, user.raw_status)));
                    }
                    Status::Active | Status::Unknown(_) => found.push(Missed { user: *user, left_out: None }),
                },
            }
        }
        progress(done, of);
        if found.len() >= NAMED {
            break;
        }
    }
    found.sort_by_key(|missed| missed.user.label());
    found.truncate(NAMED);
    if found.is_empty() {
        return Ok(absent);
    }
    Err(ReadFailure::Contradiction { number: found.len(), found })
}

async fn look_up(
    connector: &dyn Connector,
    ids: Vec<DirectoryId>,
) -> Result<(Vec<DirectoryId>, Vec<LookUp>), ReadFailure> {
    let answer = match ids.as_slice() {
        [id] => AssertUnwindSafe(connector.look_up(id)).catch_unwind().await.map(|answer| answer.map(|one| vec![one])),
        several => AssertUnwindSafe(connector.look_up_many(several)).catch_unwind().await,
    };
    let answers = answer.map_err(|panic| broke(connector, "looked somebody up", &*panic))??;
    if answers.len() == ids.len() {
        return Ok((ids, answers));
    }
    let reason = format!("{} people were asked for and {} answers came", ids.len(), answers.len());
    Err(ReadFailure::Directory(ReadError::incomplete("look-up", reason)))
}

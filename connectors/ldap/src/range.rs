//! Members beyond what Active Directory sends at once (MS-ADTS 3.1.1.3.1.3.3).
//!
//! A group with more members than `MaxValRange` (1,500) arrives with an *empty* `member` beside
//! `member;range=0-1499`. Whoever reads `member` alone empties the group. The rest is fetched slice by slice until one
//! ends in `*`; asking beyond that is an error to some servers. The slices are no snapshot, so the group's change
//! number is compared before and after, and the fetch is repeated if it moved.

use rollcall_kit::ReadError;

use crate::connect::Session;
use crate::entry::{RawEntry, Slice};
use crate::request::{Scope, Search};

/// How often a group that changes while it is read is read again.
const MOST_ATTEMPTS: u32 = 3;

/// Fetches all values of an attribute, from its first one.
///
/// # Errors
///
/// [`ReadError::Incomplete`] if the slices do not join up, or the group never holds still.
pub(crate) async fn all_values(session: &mut Session, dn: &str, attribute: &str) -> Result<Vec<Vec<u8>>, ReadError> {
    for _ in 0..MOST_ATTEMPTS {
        let mut values = Vec::new();
        let (mut next, before) = fetch(session, dn, attribute, 0).await?;
        loop {
            let end = join(&mut values, next).map_err(|problem| incomplete(dn, &problem))?;
            let Some(from) = end else { break };
            next = fetch(session, dn, attribute, from).await?.0;
        }
        if change_number(session, dn).await? == before {
            return Ok(values);
        }
        tracing::debug!(dn, "the group changed while its members were read; reading them again");
    }
    Err(incomplete(dn, &format!("the group changed {MOST_ATTEMPTS} times while its members were read")))
}

/// Appends a slice, and says where the next one begins, if there is one.
fn join(values: &mut Vec<Vec<u8>>, slice: Slice) -> Result<Option<u64>, String> {
    let expected = values.len() as u64;
    if slice.first != expected {
        return Err(format!("the server sent values from {} where those from {expected} were asked for", slice.first));
    }
    if slice.last.is_some() && slice.values.is_empty() {
        return Err("the server sent an empty slice and says that more follows".to_owned());
    }
    values.extend(slice.values);
    Ok(slice.last.map(|last| last + 1))
}

async fn fetch(
    session: &mut Session,
    dn: &str,
    attribute: &str,
    from: u64,
) -> Result<(Slice, Option<String>), ReadError> {
    let entry = entry(session, dn, vec![format!("{attribute};range={from}-*"), "uSNChanged".to_owned()]).await?;
    let slice = match entry.slice(attribute).map_err(|problem| incomplete(dn, &problem))? {
        Some(slice) => slice,
        // A server whose remaining values fit sends them plainly.
        None if from == 0 => {
            Slice { values: entry.values(attribute).map(<[u8]>::to_vec).collect(), first: 0, last: None }
        }
        None => return Err(incomplete(dn, &format!("the server sent no values of {attribute} from {from} on"))),
    };
    Ok((slice, entry.text("uSNChanged").map(str::to_owned)))
}

async fn change_number(session: &mut Session, dn: &str) -> Result<Option<String>, ReadError> {
    Ok(entry(session, dn, vec!["uSNChanged".to_owned()]).await?.text("uSNChanged").map(str::to_owned))
}

async fn entry(session: &mut Session, dn: &str, attributes: Vec<String>) -> Result<RawEntry, ReadError> {
    let search = Search {
        collection: "members",
        base: dn.to_owned(),
        scope: Scope::Base,
        filter: "(objectClass=*)".to_owned(),
        attributes,
    };
    let entries = session.search_once(&search).await?;
    entries.into_iter().next().ok_or_else(|| incomplete(dn, "the group vanished while its members were read"))
}

fn incomplete(dn: &str, problem: &str) -> ReadError {
    ReadError::incomplete("members", format!("group \"{dn}\": {problem}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slice(first: u64, count: u64, last: bool) -> Slice {
        let values = (first..first + count).map(|n| n.to_string().into_bytes()).collect();
        Slice { values, first, last: (!last).then(|| (first + count).saturating_sub(1)) }
    }

    #[test]
    fn a_gap_an_overlap_and_an_empty_slice_are_errors() {
        for next in [slice(3, 1, true), slice(1, 2, true), slice(2, 0, false)] {
            let mut values = Vec::new();
            assert_eq!(join(&mut values, slice(0, 2, false)), Ok(Some(2)));
            assert!(join(&mut values, next).is_err());
        }
    }

    proptest! {
        #[test]
        fn slices_of_any_size_join_to_all_values(sizes in prop::collection::vec(1_u64..50, 1..10)) {
            let mut values = Vec::new();
            let mut from = 0;
            for (index, size) in sizes.iter().enumerate() {
                let last = index + 1 == sizes.len();
                let next = join(&mut values, slice(from, *size, last)).unwrap();
                prop_assert_eq!(next, (!last).then_some(from + size));
                from += size;
            }
            let expected: Vec<Vec<u8>> = (0..from).map(|n| n.to_string().into_bytes()).collect();
            prop_assert_eq!(values, expected);
        }
    }
}

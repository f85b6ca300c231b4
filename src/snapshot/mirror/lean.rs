//! Users without what their provider calls its own: that lies behind everything else in a record, and is left unread.

use rollcall_kit::{Attributes, Container, DirectoryId, DirectoryUser, Status};
use serde::Deserialize;

use crate::snapshot::codec::{self, CodecError};

/// The beginning of the record of a user: the members of [`DirectoryUser`] in their order, but for the last.
#[derive(Deserialize)]
struct Lean {
    id: DirectoryId,
    login: String,
    status: Status,
    raw_status: String,
    place: Option<Container>,
    assigned: Option<bool>,
    profile: Attributes,
}

/// The user of a record, without what their provider calls its own.
pub(in crate::snapshot) fn user(record: &[u8]) -> Result<DirectoryUser, CodecError> {
    let Lean { id, login, status, raw_status, place, assigned, profile } = codec::begin(record)?;
    Ok(DirectoryUser { id, login, status, raw_status, place, assigned, profile, raw: Attributes::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::codec::pack;
    use crate::snapshot::tests::sample;

    #[test]
    fn a_lean_user_is_the_user_without_what_the_provider_calls_its_own() {
        let rich = sample::rich_user("jane");
        assert!(!rich.raw.is_empty());
        let lean = user(&pack(&rich).unwrap()).unwrap();
        assert_eq!(lean, DirectoryUser { raw: Attributes::new(), ..rich });
        assert!(user(&[]).is_err());
    }
}

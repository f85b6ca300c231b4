//! Completes a snapshot of format 2, whose groups lay whole in the mirror and whose ledger had no indices.
//!
//! Nobody is judged otherwise afterwards: the records say the same, and the first plan judges everybody. If it is cut
//! short, the next opening does it again.

use std::path::PathBuf;

use super::StoreError;
use super::codec::{CodecError, unpack};
use super::database::Database;
use super::engine::{Engine, Table};
use super::indices::{self, Moves};
use super::keys;
use super::mirror::{Head, rewrite};
use crate::plan::LedgerAccount;

/// Completes mirror and ledger, where they are not complete. Yields where the mirror stands then.
pub(super) fn complete<E: Engine>(
    database: &Database<E>,
    head: Head,
    scratch: Option<PathBuf>,
) -> Result<Head, StoreError> {
    if database.get(Table::Ledger, keys::LAYOUT)?.is_none() {
        index(database)?;
    }
    if head.is_complete() {
        return Ok(head);
    }
    let head = rewrite::complete(database, &head, scratch)?;
    let mut batch = database.batch(Table::Hot);
    batch.put(keys::HEAD, &head.encoded(database)?)?;
    batch.write()?;
    database.engine.sync()?;
    Ok(head)
}

/// Indexes every account of the ledger.
fn index<E: Engine>(database: &Database<E>) -> Result<(), StoreError> {
    let mut with_role = Moves::default();
    let mut batch = database.batch(Table::Ledger);
    for pair in database.scan(Table::Ledger, keys::WITH_ROLE) {
        batch.remove(&pair?.0)?;
        batch.write_if_full()?;
    }
    batch.write()?;
    let mut batch = database.batch(Table::Ledger);
    for pair in database.scan(Table::Ledger, keys::ACCOUNT) {
        let account: LedgerAccount = unpack(&pair?.1).map_err(|error: CodecError| database.engine.damaged(&error))?;
        with_role.account(None, Some(&account));
        indices::follow(&mut batch, None, Some(&account))?;
        batch.write_if_full()?;
    }
    with_role.write(database, &mut batch)?;
    batch.put(keys::LAYOUT, b"")?;
    batch.write()
}

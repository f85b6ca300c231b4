//! Tests of the store: one suite over both implementations, and the faults that only the one on disk can have.

mod faults;
mod group_commit;
mod kill;
pub(super) mod sample;
mod size;
mod suite;

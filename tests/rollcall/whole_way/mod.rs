//! The whole way: the real binary with real configuration files, from real directory servers into real SCIM servers.
//!
//! Each test starts the servers that it needs and goes through several phases with them, because starting costs more
//! than a phase. What must hold is computed apart from the engine: who should be there from the seeds' rules
//! (`seed.rs`), what is there by a client of the tests' own (`dump.rs`).

mod bad_input;
mod by_hand;
mod cut_reads;
mod dump;
mod hidden;
mod killed;
mod provision;
mod seed;
mod world;

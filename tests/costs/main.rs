//! What Rollcall costs a small company, in figures that do not depend on the machine: requests, bytes and allocations.
//! They are compared with those of `benches/baseline.json`, so that a change that makes something dearer is seen at once.
//!
//! A binary of its own, because it counts every allocation of its process.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod baseline;
#[allow(dead_code, reason = "the benchmark uses all of it")]
#[path = "../../benches/costs/engine.rs"]
mod engine;
mod figures;

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn a_small_company_costs_what_the_baseline_says() {
    baseline::compare(&figures::all());
}

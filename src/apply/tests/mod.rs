//! Tests of the executor against a simulated target and store.

mod ahead;
mod along;
mod history;
mod planner;
mod rules;
mod simulation;
mod world;

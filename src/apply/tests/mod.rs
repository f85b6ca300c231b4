//! Tests of the executor against a simulated target and store.

mod planner;
mod rules;
mod simulation;
mod world;

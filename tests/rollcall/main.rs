//! The integration tests of the engine, in one binary: building one is cheaper than building ten.

mod house;

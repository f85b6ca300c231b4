//! The contract that every connector must pass, as functions that a connector's tests call.

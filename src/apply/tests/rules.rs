//! The executor's rules, one by one.

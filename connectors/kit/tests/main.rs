//! Integration tests; one binary.

//! Integration tests; one binary.

mod check;
mod csv;
mod json;
mod ldif;
mod lookup;
mod support;
mod torn;

//! The `rollcall` command: parse, dispatch, exit code; nothing else.

use std::process::ExitCode;

/// Users are made of many small texts: allocating them took a quarter of a first plan, and more with the allocator of musl,
/// which the packages are built with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    rollcall::cli::main()
}

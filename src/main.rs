//! The `rollcall` command: parse, dispatch, exit code; nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    rollcall::cli::main()
}

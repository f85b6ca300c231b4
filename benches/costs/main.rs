//! What Rollcall's work costs, as ratios to what cannot be avoided, measured in the same run; see `benches/README.md`.
//!
//! | what | where |
//! |---|---|
//! | the stages of a run, by the library | `stages`, with `engine`, `memory` and `table` |
//! | whole commands of the binary | `whole` |
//! | the limits that they are put beside, and the servers: each a process of its own | `child` |

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a benchmark stops where it cannot go on")]

mod child;
mod engine;
mod memory;
mod stages;
mod table;
mod whole;

use crate::whole::Wanted;

/// How to ask for what.
const USAGE: &str = "\
cargo bench                                              the stages and the table, small
cargo bench --bench costs -- stages [--people N]         the stages of a run, by the library
cargo bench --bench costs -- table [--people N] [--scenes ldap,pace,file,increment]
                                                         whole commands beside their limits";

fn main() {
    if let Some(snapshot) = memory::asked_for() {
        return memory::report(&snapshot);
    }
    // Cargo says so to every benchmark.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => {
            stages::run(stages::size());
            whole::table(&Wanted::default());
        }
        ["stages"] => stages::run(stages::size()),
        ["stages", "--people", number] => stages::run(number.parse().unwrap()),
        ["table", options @ ..] => match Wanted::read(options) {
            Some(wanted) => whole::table(&wanted),
            None => println!("{USAGE}"),
        },
        ["child", role, rest @ ..] => child::be(role, rest),
        _ => println!("{USAGE}"),
    }
}

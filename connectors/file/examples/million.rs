//! What a read of a large JSON document costs, beside a typed parse of the same file.
//!
//! ```text
//! cargo run --release -p rollcall-file --example million -- write staff.json 1000000 5000000
//! cargo run --release -p rollcall-file --example million -- typed staff.json
//! cargo run --release -p rollcall-file --example million -- read staff.json
//! ```
//!
//! `typed` is the limit: the whole file in memory, its text borrowed. Each says its processor time and its peak memory,
//! so each is a process of its own.

#![allow(clippy::print_stdout, missing_docs, reason = "a program for whoever measures")]

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};

use rollcall_file::{FileSettings, connector};
use rollcall_kit::{Connector, Entries, Entry};
use serde::Deserialize;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Members of one ordinary group.
const MEMBERS: u64 = 500;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["write", file, users, memberships] => return write(file, users.parse()?, memberships.parse()?),
        ["typed", file] => typed(file)?,
        ["read", file] => read(file)?,
        _ => return Err("write FILE USERS MEMBERSHIPS, typed FILE, or read FILE".into()),
    }
    cost()
}

/// A company: one group of everybody, the other memberships in groups of 500, everybody in as many as anybody else.
fn write(file: &str, users: u64, memberships: u64) -> Outcome<()> {
    let mut out = BufWriter::new(File::create(file)?);
    writeln!(out, "{{\n  \"users\": [")?;
    for user in 0..users {
        let status = if user % 50 == 7 { "disabled" } else { "active" };
        let (department, comma) = (user % 40, if user + 1 < users { "," } else { "" });
        writeln!(
            out,
            "    {{ \"id\": \"p-{user:07}\", \"login\": \"person{user}\", \"status\": \"{status}\", \"place\": \
             \"Berlin/Department {department}\", \"email\": \"person{user}@acme.com\", \"name\": \"Person Nr {user}\", \
             \"given_name\": \"Person\", \"family_name\": \"Nr {user}\", \"phone_number\": \"+49 30 {user:07}\", \
             \"locale\": \"de-DE\", \"department\": \"Department {department}\", \"title\": \"Clerk\", \
             \"employee_number\": {user}, \"badge\": \"blue\", \"note\": \"the desk by the window, second floor, and the \
             key number {user}\" }}{comma}"
        )?;
    }
    writeln!(out, "  ],\n  \"groups\": [")?;
    let everybody = users.min(memberships);
    group(&mut out, "everybody", (0..everybody).map(|member| member % users))?;
    let mut member = 0;
    for number in 0..(memberships - everybody).div_ceil(MEMBERS) {
        writeln!(out, ",")?;
        // A stride that has no divisor in common with the number of users leads to all of them in turn.
        let end = (member + MEMBERS).min(memberships - everybody);
        group(&mut out, &format!("group {number}"), (member..end).map(|member| member * 7_919 % users))?;
        member = end;
    }
    writeln!(out, "\n  ],\n  \"count\": {users}\n}}")?;
    Ok(out.flush()?)
}

fn group(out: &mut impl Write, name: &str, members: impl Iterator<Item = u64>) -> Outcome<()> {
    write!(out, "    {{ \"id\": \"g-{name}\", \"name\": \"{name}\", \"members\": [")?;
    for (index, member) in members.enumerate() {
        let comma = if index > 0 { ", " } else { "" };
        write!(out, "{comma}\"p-{member:07}\"")?;
    }
    Ok(write!(out, "] }}")?)
}

#[derive(Deserialize)]
struct Company<'a> {
    #[serde(borrow)]
    users: Vec<Person<'a>>,
    #[serde(borrow)]
    groups: Vec<Team<'a>>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "parsed, and that is all")]
struct Person<'a> {
    id: &'a str,
    login: &'a str,
    status: &'a str,
    place: &'a str,
    email: &'a str,
    name: &'a str,
    given_name: &'a str,
    family_name: &'a str,
    phone_number: &'a str,
    locale: &'a str,
    department: &'a str,
    title: &'a str,
    employee_number: u64,
    badge: &'a str,
    note: &'a str,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "parsed, and that is all")]
struct Team<'a> {
    id: &'a str,
    name: &'a str,
    #[serde(borrow)]
    members: Vec<&'a str>,
}

fn typed(file: &str) -> Outcome<()> {
    let text = std::fs::read_to_string(file)?;
    let company: Company<'_> = serde_json::from_str(&text)?;
    let members: usize = company.groups.iter().map(|group| group.members.len()).sum();
    println!("{} users, {} groups, {members} members", company.users.len(), company.groups.len());
    Ok(())
}

fn read(file: &str) -> Outcome<()> {
    let connector = connector(FileSettings::of(file))?;
    let (entries, mut received) = Entries::channel(512);
    let (mut users, mut groups, mut members) = (0, 0, 0);
    let certificate = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?.block_on(async {
        let consume = async {
            while let Some(entry) = received.recv().await {
                match entry {
                    Entry::User(_) => users += 1,
                    Entry::Group(group) => (groups, members) = (groups + 1, members + group.members.len()),
                    Entry::Unreadable(_) => {}
                }
            }
        };
        tokio::join!(connector.read(entries), consume).0
    })?;
    println!("{users} users, {groups} groups, {members} members; {}", certificate.collections()[0].end);
    Ok(())
}

/// Says what this process took so far, as Linux counts it.
fn cost() -> Outcome<()> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or_default();
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default().trim();
    println!(
        "{:.2} s of the processor ({:.2} of it the system's), peak {peak}",
        (ticks(11) + ticks(12)) / 100.0,
        ticks(12) / 100.0
    );
    Ok(())
}

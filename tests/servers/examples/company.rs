//! Writes a company for the file connector, for measurements by hand:
//! `cargo run --release -p rollcall-test-servers --example company -- FILE PEOPLE
//! [--groups N] [--memberships N] [--seed N] [--changed N] [--round N]`.

use rollcall_test_servers::company::Company;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("the file is missing")?;
    let mut company = Company::of(arguments.next().ok_or("the number of people is missing")?.parse()?);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or("a value is missing")?;
        match name.as_str() {
            "--groups" => company.groups = value.parse()?,
            "--memberships" => company.memberships = value.parse()?,
            "--seed" => company.seed = value.parse()?,
            "--changed" => company.changed = value.parse()?,
            "--round" => company.round = value.parse()?,
            _ => return Err(format!("{name} is not known").into()),
        }
    }
    company.write(file.as_ref())?;
    Ok(())
}

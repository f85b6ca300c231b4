//! Whole commands of the binary, each beside its limit, which is measured in the same run: the table by which it is
//! judged whether the engine carries a large company.
//!
//! Scenes are independent of each other, and each fills rows of its own:
//!
//! | scene | what happens |
//! |---|---|
//! | `ldap` | a first apply from OpenLDAP, then a run that finds nothing changed, then one that finds ten changes |
//! | `pace` | a first apply to an application that is slow, and to one that limits its calls |
//! | `file` | a company from a file: first plan, first apply, nothing changed, questions, the idle daemon, the state |
//! | `increment` | ten changes from Entra ID's stream of changes |

mod daemon;
mod file;
mod ground;
mod increment;
mod ldap;
mod pace;
mod row;

pub(crate) use ground::Ground;
pub(crate) use row::Row;

/// A scene's name, and what it does.
type Scene = (&'static str, fn(&Ground, &mut dyn FnMut(Row)));

/// Every scene, in the order of the table.
const SCENES: [Scene; 4] =
    [("ldap", ldap::scene), ("pace", pace::scene), ("file", file::scene), ("increment", increment::scene)];

/// What is to be measured.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    people: u32,
    scenes: Vec<String>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { people: 1000, scenes: SCENES.iter().map(|(name, _)| (*name).to_owned()).collect() }
    }
}

impl Wanted {
    /// Reads the options; none if they make no sense.
    pub(crate) fn read(options: &[&str]) -> Option<Self> {
        let mut wanted = Self::default();
        for option in options.chunks(2) {
            match option {
                ["--people", number] => wanted.people = number.parse().ok().filter(|number| *number > 0)?,
                ["--scenes", names] => wanted.scenes = names.split(',').map(str::to_owned).collect(),
                _ => return None,
            }
        }
        let known = |name: &String| SCENES.iter().any(|(scene, _)| scene == name);
        wanted.scenes.iter().all(known).then_some(wanted)
    }
}

/// Measures and prints the rows, each when it is known: the last ones of a large company take their time.
pub(crate) fn table(wanted: &Wanted) {
    let ground = Ground::new(wanted.people);
    println!("\n{} people\n\n| work | limit, measured side by side | measured | goal | met? |", wanted.people);
    println!("|---|---|---|---|---|");
    for (name, scene) in SCENES {
        if wanted.scenes.iter().any(|wanted| wanted == name) {
            scene(&ground, &mut |row| println!("{row}"));
        }
    }
    println!("| power cuts | – | counted by the tests of the store | 0 of 200 | – |");
}

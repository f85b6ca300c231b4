//! The sample company of the demonstration: forty people of Lumen Optics, its groups, and a few days of its life.
//!
//! A company is a value. [`Company::founded`] is the first day, each of its methods is something that happens, and
//! [`Company::write`] writes the file that the file connector reads. Nothing here is random, so a demonstration looks
//! the same each time.
//!
//! Every kind of trouble that real directories have is among these people: see the table in [`Company::founded`].

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// The company's registered domain. `ext.lumen-optics.example` and `freelance.example` are not it.
pub const DOMAIN: &str = "lumen-optics.example";

/// One person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The immutable id.
    pub id: String,
    /// The name to sign in with.
    pub login: String,
    /// Given and family name, each as it is written.
    pub name: (String, String),
    /// The department.
    pub department: String,
    /// The address, if there is one.
    pub email: Option<String>,
    /// The status word.
    pub status: String,
    /// Whether this is a contractor.
    pub contractor: bool,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The immutable id.
    pub id: String,
    /// The name.
    pub name: String,
    /// Ids of users and groups.
    pub members: Vec<String>,
}

/// The directory of the company at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Company {
    /// Everybody, in the order of their ids.
    pub people: Vec<Person>,
    /// Every group.
    pub groups: Vec<Group>,
}

/// Given name, family name, login, department. The login is also the local part of the address, and the place in the
/// table is the id: `p-01` is the first.
const PEOPLE: [(&str, &str, &str, &str); 40] = [
    ("Amara", "Okafor", "amara.okafor", "Management"),
    ("Jürgen", "Müller", "juergen.mueller", "Engineering"),
    ("Siobhán", "O'Brien", "siobhan.obrien", "Engineering"),
    ("明", "王", "ming.wang", "Engineering"),
    ("美咲", "佐藤", "misaki.sato", "Engineering"),
    ("Łukasz", "Żółkiewski", "lukasz.zolkiewski", "Engineering"),
    ("Zoë", "van der Berg", "zoe.vanderberg", "Engineering"),
    ("Søren", "Ångström", "soren.angstrom", "Engineering"),
    ("Íñigo", "García-Luna", "inigo.garcialuna", "Engineering"),
    ("Nguyễn", "Văn An", "an.nguyen", "Engineering"),
    ("Ольга", "Петрова", "olga.petrova", "Engineering"),
    ("Priya", "Ramanathan", "priya.ramanathan", "Engineering"),
    ("Tomás", "Ó Briain", "tomas.obriain", "Engineering"),
    ("Chinedu", "Eze", "chinedu.eze", "Engineering"),
    ("지우", "김", "jiwoo.kim", "Engineering"),
    ("Ana", "Ribeiro", "ana.ribeiro", "Finance"),
    ("Ömer", "Yılmaz", "omer.yilmaz", "Finance"),
    ("Anaïs", "Lefèvre", "anais.lefevre", "Finance"),
    ("David", "Cohen", "david.cohen", "Finance"),
    ("Fatima", "al-Zahra", "fatima.alzahra", "Finance"),
    ("Grace", "Hopkins", "grace.hopkins", "People"),
    ("Raúl", "Núñez", "raul.nunez", "People"),
    ("Mei-Ling", "陳", "meiling.chen", "People"),
    ("Kwame", "Mensah", "kwame.mensah", "Sales"),
    ("Brigitte", "Weiß", "brigitte.weiss", "Sales"),
    ("João", "D'Souza", "joao.dsouza", "Sales"),
    ("Ingrid", "Bjørnstad", "ingrid.bjornstad", "Sales"),
    ("Paolo", "D'Angelo", "paolo.dangelo", "Sales"),
    ("Hana", "Nováková", "hana.novakova", "Sales"),
    ("Leilani", "Kāne", "leilani.kane", "Sales"),
    ("Ștefan", "Ionescu", "stefan.ionescu", "Support"),
    ("Νίκη", "Παππά", "niki.pappa", "Support"),
    ("Arjun", "Singh", "arjun.singh", "Support"),
    ("Þóra", "Jónsdóttir", "thora.jonsdottir", "Support"),
    ("Sam", "Lee", "sam.lee", "Support"),
    ("Samantha", "Lee", "samantha.lee", "Support"),
    ("Walter", "Pförtner", "walter.pfoertner", "Facilities"),
    ("Bob", "Harris", "bob.harris", "Sales"),
    ("Maya", "Lindqvist", "maya.lindqvist", "Engineering"),
    ("Felix", "Brandt", "felix.brandt", "Engineering"),
];

impl Company {
    /// The company on its first day. Besides ordinary people it has
    ///
    /// | who | what is special |
    /// |---|---|
    /// | Sam and Samantha Lee | share the address `s.lee@…` |
    /// | Walter Pförtner | has no address |
    /// | Bob Harris | is disabled |
    /// | Maya Lindqvist | has an address in a sub-domain that is not registered |
    /// | Felix Brandt | is a contractor with a private address |
    #[must_use]
    pub fn founded() -> Self {
        let mut company = Self {
            people: PEOPLE.iter().enumerate().map(|(at, row)| person(at + 1, row)).collect(),
            groups: Vec::new(),
        };
        company.person_mut("sam.lee", |person| person.email = Some(format!("s.lee@{DOMAIN}")));
        // The other spelling of the same address: compared without case.
        company.person_mut("samantha.lee", |person| person.email = Some(format!("S.Lee@{DOMAIN}")));
        company.person_mut("walter.pfoertner", |person| person.email = None);
        company.person_mut("bob.harris", |person| person.status = "disabled".to_owned());
        company.person_mut("maya.lindqvist", |person| person.email = Some(format!("maya.lindqvist@ext.{DOMAIN}")));
        company.person_mut("felix.brandt", |person| {
            person.email = Some("felix@freelance.example".to_owned());
            person.contractor = true;
        });
        company.groups = company.founding_groups();
        company
    }

    fn founding_groups(&self) -> Vec<Group> {
        let of = |department: &str| -> Vec<String> {
            self.people
                .iter()
                .filter(|person| person.department == department)
                .map(|person| person.id.clone())
                .collect()
        };
        let these = |logins: &[&str]| -> Vec<String> { logins.iter().filter_map(|login| self.id_of(login)).collect() };
        let group =
            |id: &str, name: &str, members: Vec<String>| Group { id: id.to_owned(), name: name.to_owned(), members };
        let leads = these(&["juergen.mueller", "priya.ramanathan"]);
        let mut core = of("Engineering");
        core.retain(|id| !leads.contains(id));
        // The leads are in the core group through their own.
        core.push("g-02".to_owned());
        vec![
            group("g-01", "eng-core", core),
            group("g-02", "eng-leads", leads),
            group("g-03", "finance", of("Finance")),
            group("g-04", "app-admins", these(&["amara.okafor", "grace.hopkins"])),
            group("g-05", "everyone", {
                let mut all: Vec<String> = self.people.iter().map(|person| person.id.clone()).collect();
                all.retain(|id| !of("Engineering").contains(id) && !of("Finance").contains(id));
                all.extend(["g-01".to_owned(), "g-03".to_owned()]);
                all
            }),
        ]
    }

    /// Lucía Fernández joins finance.
    #[must_use]
    pub fn joiner(mut self) -> Self {
        let joined = person(self.people.len() + 1, &("Lucía", "Fernández", "lucia.fernandez", "Finance"));
        self.join(&joined.id, "finance");
        self.people.push(joined);
        self
    }

    /// Zoë van der Berg marries, is called Zoë Okonkwo from now on, and moves from engineering to finance. Her address
    /// stays.
    #[must_use]
    pub fn mover(mut self) -> Self {
        self.person_mut("zoe.vanderberg", |person| {
            person.name.1 = "Okonkwo".to_owned();
            person.department = "Finance".to_owned();
        });
        if let Some(id) = self.id_of("zoe.vanderberg") {
            self.leave(&id, "eng-core");
            self.join(&id, "finance");
        }
        self
    }

    /// Kwame Mensah leaves: the directory disables them and keeps their record.
    #[must_use]
    pub fn leaver(mut self) -> Self {
        self.person_mut("kwame.mensah", |person| person.status = "disabled".to_owned());
        self
    }

    /// An export that went wrong: whole as a file, and nearly empty. Nobody is left but the management, and
    /// the group `eng-core` is missing.
    #[must_use]
    pub fn wiped(mut self) -> Self {
        let gone: Vec<String> = self
            .people
            .iter()
            .filter(|person| person.department != "Management")
            .map(|person| person.id.clone())
            .collect();
        self.people.retain(|person| !gone.contains(&person.id));
        self.groups.retain(|group| group.name != "eng-core");
        for group in &mut self.groups {
            group.members.retain(|member| !gone.contains(member) && member != "g-01");
        }
        self
    }

    /// A group is no longer in the directory; its members still are.
    #[must_use]
    pub fn without_group(mut self, name: &str) -> Self {
        let gone: Vec<String> =
            self.groups.iter().filter(|group| group.name == name).map(|group| group.id.clone()).collect();
        self.groups.retain(|group| !gone.contains(&group.id));
        for group in &mut self.groups {
            group.members.retain(|member| !gone.contains(member));
        }
        self
    }

    /// The id of the person with this login.
    #[must_use]
    pub fn id_of(&self, login: &str) -> Option<String> {
        self.people.iter().find(|person| person.login == login).map(|person| person.id.clone())
    }

    /// Writes the company as `company.json` into a folder, for the file connector, and returns the path. The file is
    /// written aside and renamed, so that nobody ever reads half of it.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written to.
    pub fn write(&self, folder: &Path) -> io::Result<PathBuf> {
        let (aside, path) = (folder.join("company.json.new"), folder.join("company.json"));
        std::fs::write(&aside, serde_json::to_vec_pretty(&self.document())?)?;
        std::fs::rename(&aside, &path)?;
        Ok(path)
    }

    /// The company in the shape that the file connector reads.
    #[must_use]
    pub fn document(&self) -> Value {
        json!({
            "users": self.people.iter().map(Person::document).collect::<Vec<_>>(),
            "groups": self.groups.iter().map(|group| json!({
                "id": group.id, "name": group.name, "members": group.members,
            })).collect::<Vec<_>>(),
            "count": self.people.len(),
        })
    }

    fn person_mut(&mut self, login: &str, change: impl FnOnce(&mut Person)) {
        if let Some(person) = self.people.iter_mut().find(|person| person.login == login) {
            change(person);
        }
    }

    fn join(&mut self, id: &str, group: &str) {
        if let Some(group) = self.groups.iter_mut().find(|candidate| candidate.name == group) {
            group.members.push(id.to_owned());
        }
    }

    fn leave(&mut self, id: &str, group: &str) {
        if let Some(group) = self.groups.iter_mut().find(|candidate| candidate.name == group) {
            group.members.retain(|member| member != id);
        }
    }
}

impl Person {
    /// The full name, as it is shown.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{} {}", self.name.0, self.name.1)
    }

    fn document(&self) -> Value {
        json!({
            "id": self.id,
            "login": self.login,
            "status": self.status,
            "email": self.email,
            "preferred_username": self.login,
            "name": self.full_name(),
            "given_name": self.name.0,
            "family_name": self.name.1,
            "department": self.department,
            "employee_type": if self.contractor { "contractor" } else { "employee" },
            "organization": "Lumen Optics",
            "place": format!("Lumen Optics/{}", self.department),
        })
    }
}

fn person(number: usize, (given, family, login, department): &(&str, &str, &str, &str)) -> Person {
    Person {
        id: format!("p-{number:02}"),
        login: (*login).to_owned(),
        name: ((*given).to_owned(), (*family).to_owned()),
        department: (*department).to_owned(),
        email: Some(format!("{login}@{DOMAIN}")),
        status: "active".to_owned(),
        contractor: false,
    }
}

#[cfg(test)]
mod tests {
    use rollcall_file::FileSettings;
    use rollcall_kit::{Certificate, Connector, DirectoryGroup, DirectoryUser, Entries, Entry, Member, Status};

    use super::*;

    /// What the file connector makes of a company.
    fn read(company: &Company) -> (Vec<DirectoryUser>, Vec<DirectoryGroup>, Certificate) {
        let folder = tempfile::tempdir().unwrap();
        let connector = rollcall_file::connector(FileSettings::of(company.write(folder.path()).unwrap())).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        runtime.block_on(async {
            let (entries, mut received) = Entries::channel(100);
            let reader = tokio::spawn(async move { connector.read(entries).await });
            let (mut users, mut groups) = (Vec::new(), Vec::new());
            while let Some(entry) = received.recv().await {
                match entry {
                    Entry::User(user) => users.push(*user),
                    Entry::Group(group) => groups.push(*group),
                    Entry::Unreadable(record) => panic!("{}", record.problem),
                }
            }
            (users, groups, reader.await.unwrap().unwrap())
        })
    }

    #[test]
    fn the_file_connector_certifies_the_company_with_all_its_odd_people() {
        let (users, groups, certificate) = read(&Company::founded());
        assert_eq!((certificate.entries_of("users"), certificate.entries_of("groups")), (40, 5));
        let of = |login: &str| users.iter().find(|user| user.login == login).unwrap();
        assert_eq!(of("siobhan.obrien").text("name"), Some("Siobhán O'Brien"));
        assert_eq!(of("misaki.sato").text("family_name"), Some("佐藤"));
        assert_eq!(of("sam.lee").address(), of("samantha.lee").address());
        assert_eq!(of("walter.pfoertner").address(), None);
        assert!(matches!(of("bob.harris").status, Status::Inactive(_)));
        assert_eq!(of("maya.lindqvist").address().unwrap().domain(), "ext.lumen-optics.example");
        assert_eq!(of("felix.brandt").address().unwrap().domain(), "freelance.example");
        let ordinary = users.iter().filter(|user| user.address().is_some_and(|a| a.domain() == DOMAIN)).count();
        assert_eq!(ordinary, 37);
        assert!(groups.iter().all(|group| group.unresolved_members == 0));
        let core = groups.iter().find(|group| group.name == "eng-core").unwrap();
        assert!(core.members.iter().any(|member| matches!(member, Member::Group(id) if id.as_str() == "g-02")));
    }

    #[test]
    fn each_day_changes_only_what_it_says() {
        let first = Company::founded();
        let joined = first.clone().joiner();
        assert_eq!(joined.people.len(), first.people.len() + 1);
        assert_eq!(joined.people[..first.people.len()], first.people[..]);

        let moved = first.clone().mover();
        let changed: Vec<&Person> = moved.people.iter().filter(|person| !first.people.contains(person)).collect();
        assert_eq!(changed.len(), 1);
        assert_eq!((changed[0].full_name().as_str(), changed[0].department.as_str()), ("Zoë Okonkwo", "Finance"));
        assert!(moved.groups[2].members.contains(&changed[0].id) && !moved.groups[0].members.contains(&changed[0].id));

        let left = first.clone().leaver();
        let changed: Vec<&Person> = left.people.iter().filter(|person| !first.people.contains(person)).collect();
        assert_eq!((changed.len(), changed[0].login.as_str()), (1, "kwame.mensah"));

        let (users, groups, _) = read(&first.clone().without_group("eng-core"));
        assert_eq!((users.len(), groups.len()), (first.people.len(), first.groups.len() - 1));
        assert!(groups.iter().all(|group| group.unresolved_members == 0));
    }

    #[test]
    fn a_wiped_company_is_a_whole_file_so_that_only_a_guard_can_stop_it() {
        let (users, groups, certificate) = read(&Company::founded().wiped());
        assert_eq!(certificate.entries_of("users"), 1);
        assert_eq!(users[0].login, "amara.okafor");
        assert!(groups.iter().all(|group| group.name != "eng-core" && group.unresolved_members == 0));
    }
}

//! What the tests share: settings for a server, and a read as the engine would do it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use rollcall_kit::secret::SecretRef;
use rollcall_kit::{
    Certificate, Connector, DirectoryGroup, DirectoryUser, Entries, Entry, Member, ReadError, Status, Unreadable,
};
use rollcall_ldap::{
    AttributeNames, Flavour, GroupSettings, LdapConnector, LdapSettings, Timeouts, UserSettings, connector,
};
use rollcall_test_servers::ldap::{DirectoryServer, FaultProxy};
use tempfile::TempDir;

/// A directory's settings, and the file that holds its password.
pub(crate) struct Setup {
    pub(crate) settings: LdapSettings,
    _password: TempDir,
}

/// Everything that a certified read brought.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) certificate: Certificate,
    /// By login.
    pub(crate) users: BTreeMap<String, DirectoryUser>,
    /// By name.
    pub(crate) groups: BTreeMap<String, DirectoryGroup>,
    pub(crate) unreadable: Vec<Unreadable>,
}

impl Setup {
    /// Reads everybody and every group, over TLS, as the account that may.
    pub(crate) fn of(server: &impl DirectoryServer) -> Self {
        let base = server.base();
        let (dn, password) = server.reader();
        let mut setup = Self::bare(server.ldaps_url(), dn, password);
        setup.settings.ca_file = Some(server.ca_file());
        setup.settings.users.bases = vec![format!("ou=people,{base}")];
        setup.settings.groups =
            Some(GroupSettings { bases: vec![format!("ou=groups,{base}")], ..GroupSettings::default() });
        // The seed of OpenLDAP has a part of ou=people elsewhere; the tests of that say so themselves.
        setup.settings.ignorable_referrals = vec![format!("ou=elsewhere,ou=people,{base}")];
        setup
    }

    /// The same, in clear text through a proxy that misbehaves.
    pub(crate) fn through(server: &impl DirectoryServer, proxy: &FaultProxy) -> Self {
        let mut setup = Self::of(server);
        setup.settings.servers = vec![proxy.url().parse().unwrap()];
        setup.settings.ca_file = None;
        setup.settings.danger_clear_text = true;
        setup
    }

    fn bare(url: &str, dn: &str, password: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = LdapSettings {
            servers: vec![url.parse().unwrap()],
            start_tls: false,
            ca_file: None,
            danger_clear_text: false,
            bind_dn: dn.to_owned(),
            bind_password: SecretRef::File(folder.path().join("password")),
            flavour: Flavour::Auto,
            users: UserSettings::default(),
            groups: None,
            id_attribute: None,
            active: None,
            attributes: AttributeNames::default(),
            page_size: 500,
            timeouts: Timeouts { answer: rollcall_kit::HumanDuration::seconds(10), ..Timeouts::default() },
            ignorable_referrals: Vec::new(),
            optional_bases: Vec::new(),
            canary: None,
        };
        let setup = Self { settings, _password: folder };
        setup.set_password(password);
        setup
    }

    /// Signs in as somebody else.
    pub(crate) fn sign_in(&mut self, dn: &str, password: &str) {
        self.settings.bind_dn = dn.to_owned();
        self.set_password(password);
    }

    fn set_password(&self, password: &str) {
        let SecretRef::File(file) = &self.settings.bind_password else { panic!("the tests keep it in a file") };
        std::fs::write(file, password).unwrap();
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn connector(&self) -> LdapConnector {
        connector(self.settings.clone()).unwrap()
    }

    /// Reads everything, or says why not.
    pub(crate) async fn read(&self) -> Result<Reading, ReadError> {
        let (sender, mut receiver) = Entries::channel(64);
        let connector = self.connector();
        let gather = async {
            let (mut users, mut groups, mut unreadable) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
            let mut groups_began = false;
            while let Some(entry) = receiver.recv().await {
                match entry {
                    Entry::User(user) => {
                        assert!(!groups_began, "a user came after a group");
                        users.insert(user.login.clone(), *user);
                    }
                    Entry::Group(group) => {
                        groups_began = true;
                        groups.insert(group.name.clone(), *group);
                    }
                    Entry::Unreadable(record) => unreadable.push(record),
                }
            }
            (users, groups, unreadable)
        };
        let (certificate, (users, groups, unreadable)) = tokio::join!(connector.read(sender), gather);
        Ok(Reading { certificate: certificate?, users, groups, unreadable })
    }

    /// Why a read that must fail fails.
    pub(crate) async fn refusal(&self) -> String {
        match self.read().await {
            Ok(reading) => panic!("a certificate was given: {:?}", reading.certificate),
            Err(error) => error.to_string(),
        }
    }
}

impl Reading {
    pub(crate) fn user(&self, login: &str) -> &DirectoryUser {
        self.users.get(login).unwrap_or_else(|| panic!("nobody is called {login}"))
    }

    pub(crate) fn is_active(&self, login: &str) -> bool {
        self.user(login).status == Status::Active
    }

    pub(crate) fn group(&self, name: &str) -> &DirectoryGroup {
        self.groups.get(name).unwrap_or_else(|| panic!("no group is called {name}"))
    }

    /// A group's members by what people call them.
    pub(crate) fn members(&self, name: &str) -> Vec<&str> {
        let called = |member: &Member| match member {
            Member::User(id) => self.users.values().find(|u| u.id == *id).map(|u| u.login.as_str()).unwrap(),
            Member::Group(id) => self.groups.values().find(|g| g.id == *id).map(|g| g.name.as_str()).unwrap(),
        };
        let mut names: Vec<&str> = self.group(name).members.iter().map(called).collect();
        names.sort_unstable();
        names
    }
}

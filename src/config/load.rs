//! Loads the configuration: reads the files, checks their shape, takes them apart, checks the rules. Everything that
//! is wrong is found in one go.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::{self, Checker, Findings};
use super::daemon::DaemonSettings;
use super::directory::{DirectorySettings, TargetSettings};
use super::error::ConfigError;
use super::file::{self, OrganizationFile};
use super::locate::Locations;
use super::source::Source;
use super::{Configuration, Organization, modes, rules, schema};

/// Loads a configuration, and with it the directory of organizations that it may name.
///
/// # Errors
///
/// Everything that is wrong, in the order of the files and lines; and nothing else if the file is one that every user of
/// the machine can write.
pub fn load(path: impl AsRef<Path>) -> Result<Configuration, Vec<ConfigError>> {
    let path = path.as_ref();
    let text = read(path).map_err(|error| vec![error])?;
    let exposed = modes::of_file(path);
    if !exposed.is_empty() {
        return Err(exposed);
    }
    Loader::new().load(Source::new(path, text))
}

/// Loads a configuration from its text. The path is what errors name, and what relative paths start at.
///
/// # Errors
///
/// As [`load`].
pub fn parse(path: impl AsRef<Path>, text: &str) -> Result<Configuration, Vec<ConfigError>> {
    Loader::new().load(Source::new(path.as_ref(), text))
}

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::NotFound => "there is no such file; `rollcall init` writes one".to_owned(),
            io::ErrorKind::InvalidData => "the file is not UTF-8 text".to_owned(),
            _ => format!("the file cannot be read: {error}"),
        };
        whole_file(path, advice)
    })
}

fn whole_file(path: &Path, message: String) -> ConfigError {
    ConfigError { file: path.to_owned(), place: None, key: String::new(), message }
}

/// The folder at which the relative paths of a file start, from the root: the working directory of a timer is another
/// than that of whoever wrote the file.
fn folder_of(source: &Source) -> PathBuf {
    let path = std::path::absolute(source.path()).unwrap_or_else(|_| source.path().to_owned());
    path.parent().unwrap_or(Path::new("/")).to_owned()
}

struct Loader {
    schema: Value,
    errors: Vec<ConfigError>,
    locations: Locations,
    organizations: BTreeMap<String, Organization>,
    /// Every name that a file gives, of sound organizations and others.
    names: BTreeMap<String, PathBuf>,
}

impl Loader {
    fn new() -> Self {
        Self {
            schema: schema::schema(),
            errors: Vec::new(),
            locations: Locations::default(),
            organizations: BTreeMap::new(),
            names: BTreeMap::new(),
        }
    }

    fn load(mut self, source: Source) -> Result<Configuration, Vec<ConfigError>> {
        let source = Arc::new(source);
        let base = source.path().parent().unwrap_or(Path::new("")).to_owned();
        let mut state_dir = file::default_state_dir();
        let mut daemon = DaemonSettings::default();
        if let Some(mut table) = self.syntax(&source) {
            let found = Checker::new(&self.schema, &source).check(&self.schema, &table);
            let organizations = table.get_mut().remove("organization");
            if let Some(top) = self.part::<file::File>(&source, table, &found) {
                state_dir = base.join(&top.state_dir);
                daemon = top.daemon;
                daemon.start_at(&folder_of(&source));
                if let Some(directory) = top.organization_dir {
                    self.directory(&base.join(directory));
                }
            }
            self.main(&source, organizations, found);
        }
        if self.names.is_empty() && self.errors.is_empty() {
            let message = "the configuration names no organization; add [organization.NAME] (`rollcall init` writes an \
                           example)";
            self.errors.push(whole_file(source.path(), message.to_owned()));
        }
        self.finish(state_dir, daemon)
    }

    fn finish(mut self, state_dir: PathBuf, daemon: DaemonSettings) -> Result<Configuration, Vec<ConfigError>> {
        for (key, message) in daemon.problems() {
            self.errors.push(self.locations.error(&format!("daemon.{key}"), message));
        }
        for (name, (key, message)) in rules::together(self.organizations.values()) {
            let key = format!("{}.{key}", check::join("organization", &name));
            self.errors.push(self.locations.error(&key, message));
        }
        if !self.errors.is_empty() {
            self.errors.sort_by_key(|e| (e.file.clone(), e.place.as_ref().map(|place| (place.line, place.column))));
            return Err(self.errors);
        }
        Ok(Configuration { state_dir, daemon, organizations: self.organizations, locations: self.locations })
    }

    /// Parses a file. Only the first syntax error is reported: what follows is mostly its echo.
    fn syntax<'i>(&mut self, source: &'i Source) -> Option<Spanned<DeTable<'i>>> {
        match DeTable::parse(source.text()) {
            Ok(table) => Some(table),
            Err(error) => {
                let place = error.span().map(|span| source.place(&span));
                let message = format!("the file is not TOML here: {}", error.message());
                self.errors.push(ConfigError { file: source.path().to_owned(), place, key: String::new(), message });
                None
            }
        }
    }

    /// The organizations of the main file.
    fn main(&mut self, source: &Arc<Source>, organizations: Option<Spanned<DeValue<'_>>>, found: Findings) {
        self.locations.add(source, "", found.spans.clone());
        if let Some(DeValue::Table(tables)) = organizations.map(Spanned::into_inner) {
            for (name, node) in tables {
                let span = node.span();
                let DeValue::Table(table) = node.into_inner() else { continue };
                let prefix = check::join("organization", name.get_ref());
                let errors: Vec<_> = found.errors.iter().filter(|error| below(&error.key, &prefix).is_some()).collect();
                let broken: Vec<_> =
                    errors.iter().filter_map(|error| below(&error.key, &prefix)).map(first_key).collect();
                self.organization(source, (name.get_ref(), &name.span()), Spanned::new(span, table), &broken);
            }
        }
        self.errors.extend(found.errors);
    }

    /// One organization a file.
    fn directory(&mut self, directory: &Path) {
        let listed = std::fs::read_dir(directory).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut paths: Vec<PathBuf> = match listed {
            Ok(entries) => entries.into_iter().map(|entry| entry.path()).collect(),
            Err(error) => {
                let message = format!("the directory of organizations cannot be read: {error}");
                return self.errors.push(whole_file(directory, message));
            }
        };
        paths.retain(|path| {
            let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
            !hidden && path.extension().is_some_and(|extension| extension == "toml")
        });
        paths.sort();
        self.errors.extend(modes::of_folder(directory));
        for path in paths {
            self.errors.extend(modes::of_file(&path).into_iter().filter(|error| error.file != directory));
            match read(&path) {
                Ok(text) => self.organization_file(Source::new(path, text)),
                Err(error) => self.errors.push(error),
            }
        }
    }

    fn organization_file(&mut self, source: Source) {
        let source = Arc::new(source);
        let name = source.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
        // Its errors come first if it has any: a file that cannot be parsed must not look like an organization less.
        self.names.entry(name.clone()).or_insert_with(|| source.path().to_owned());
        let Some(table) = self.syntax(&source) else { return };
        let shape = self.schema.pointer("/$defs/OrganizationFile").cloned().unwrap_or_default();
        let found = Checker::new(&self.schema, &source).check(&shape, &table);
        let prefix = check::join("organization", &name);
        self.locations.add(&source, &prefix, found.spans);
        let broken: Vec<_> = found.errors.iter().map(|error| first_key(&error.key)).collect();
        self.organization(&source, (&name, &(0..0)), table, &broken);
        self.errors.extend(found.errors);
    }

    /// Takes one organization apart. Its keys that are broken are reported already and left out here.
    fn organization(
        &mut self,
        source: &Arc<Source>,
        (name, name_span): (&str, &Range<usize>),
        mut table: Spanned<DeTable<'_>>,
        broken: &[String],
    ) {
        let prefix = check::join("organization", name);
        let place = Some(source.place(name_span));
        let mut refuse = |message| {
            let (file, key, place) = (source.path().to_owned(), prefix.clone(), place.clone());
            self.errors.push(ConfigError { file, place, key, message });
        };
        if let Err(message) = rules::name(name) {
            refuse(message);
        }
        if let Some(first) = self.names.get(name).filter(|first| *first != source.path()) {
            refuse(format!("the organization `{name}` is described in {} already", first.display()));
        }
        self.names.entry(name.to_owned()).or_insert_with(|| source.path().to_owned());
        for key in broken {
            table.get_mut().remove(key.as_str());
        }
        let before = self.errors.len();
        let Some(file) = self.take_apart(source, table, &prefix) else { return };
        for (key, message) in rules::organization(&file) {
            self.errors.push(self.locations.error(&format!("{prefix}.{key}"), message));
        }
        if broken.is_empty()
            && self.errors.len() == before
            && let Some(mut organization) = Organization::from_file(name, file)
        {
            organization.start_at(&folder_of(source));
            self.organizations.insert(name.to_owned(), organization);
        }
    }

    /// Deserialises the parts of an organization. A part that fails is reported and left out, so that it does not hide
    /// what is wrong with the others.
    fn take_apart(
        &mut self,
        source: &Source,
        mut table: Spanned<DeTable<'_>>,
        prefix: &str,
    ) -> Option<OrganizationFile> {
        let span = table.span();
        let (directory, target) = (take(&mut table, "directory"), take(&mut table, "target"));
        let (directory, directory_error) = split(directory.map(DirectorySettings::read).transpose());
        let (target, target_error) = split(target.map(TargetSettings::read).transpose());
        for error in [directory_error, target_error].into_iter().flatten() {
            self.deserialisation(source, &error, &span);
        }
        loop {
            match OrganizationFile::deserialize(toml::de::Deserializer::from(table.clone())) {
                Ok(mut file) => {
                    (file.directory, file.target) = (directory.flatten(), target.flatten());
                    return Some(file);
                }
                Err(error) => {
                    self.deserialisation(source, &error, &span);
                    let key = error.span().and_then(|span| self.locations.key_at(source, &span));
                    let part = first_key(key.and_then(|key| below(key, prefix)).unwrap_or_default());
                    table.get_mut().remove(part.as_str())?;
                }
            }
        }
    }

    /// Deserialises what the shape check has passed; what it found broken is not tried.
    fn part<T: for<'de> Deserialize<'de>>(
        &mut self,
        source: &Source,
        mut table: Spanned<DeTable<'_>>,
        found: &Findings,
    ) -> Option<T> {
        for error in &found.errors {
            table.get_mut().remove(first_key(&error.key).as_str());
        }
        let span = table.span();
        T::deserialize(toml::de::Deserializer::from(table))
            .map_err(|error| self.deserialisation(source, &error, &span))
            .ok()
    }

    fn deserialisation(&mut self, source: &Source, error: &toml::de::Error, table: &Range<usize>) {
        let place = source.place(&error.span().unwrap_or_else(|| table.clone()));
        let (file, message) = (source.path().to_owned(), error.message().to_owned());
        self.errors.push(ConfigError { file, place: Some(place), key: String::new(), message });
    }
}

/// Takes a table out of a table.
fn take<'i>(table: &mut Spanned<DeTable<'i>>, key: &str) -> Option<Spanned<DeTable<'i>>> {
    let node = table.get_mut().remove(key)?;
    match (node.span(), node.into_inner()) {
        (span, DeValue::Table(table)) => Some(Spanned::new(span, table)),
        _ => None,
    }
}

fn split<T, E>(result: Result<Option<T>, E>) -> (Option<T>, Option<E>) {
    match result {
        Ok(value) => (value, None),
        Err(error) => (None, Some(error)),
    }
}

/// What is left of a key below a prefix.
fn below<'k>(key: &'k str, prefix: &str) -> Option<&'k str> {
    let rest = key.strip_prefix(prefix)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('.') }
}

/// The first part of a key: `role` of `role[2].group`.
fn first_key(key: &str) -> String {
    key.split(['.', '[']).next().unwrap_or(key).to_owned()
}

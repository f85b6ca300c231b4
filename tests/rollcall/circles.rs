//! No circles of files: what a file imports does not lead back to it. Files are read as syntax, so that comments and
//! texts say nothing.
//!
//! A module's own `mod.rs` or `lib.rs` names its files and hands out what they offer. That is no import.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// The modules of a crate, by their paths (`["plan", "diff"]`), and the modules that each of them imports.
type Imports = BTreeMap<Vec<String>, BTreeSet<Vec<String>>>;

/// Reads a crate from its root file.
fn imports(root: &Path) -> Imports {
    let mut files = BTreeMap::new();
    declared(root.parent().unwrap(), Vec::new(), root, &mut files);
    let modules: BTreeSet<Vec<String>> = files.keys().cloned().collect();
    let imports = files.into_iter().map(|(module, file)| {
        let mut paths = Paths { here: module.clone(), modules: &modules, found: BTreeSet::new() };
        paths.visit_file(&file);
        let found = paths.found.into_iter().filter(|found| !found.starts_with(&module)).collect();
        (module, found)
    });
    imports.collect()
}

/// Reads a file, and the files of the modules that it declares, those for tests left out.
fn declared(folder: &Path, module: Vec<String>, path: &Path, files: &mut BTreeMap<Vec<String>, syn::File>) {
    let file = syn::parse_file(&std::fs::read_to_string(path).unwrap()).unwrap();
    for item in &file.items {
        let syn::Item::Mod(inner) = item else { continue };
        if inner.content.is_some() || is_for_tests(&inner.attrs) {
            continue;
        }
        let name = inner.ident.to_string();
        let within = folder.join(&name);
        let places: [PathBuf; 2] = [folder.join(format!("{name}.rs")), within.join("mod.rs")];
        let place = places.iter().find(|place| place.exists()).unwrap();
        declared(&within, [&module[..], &[name]].concat(), place, files);
    }
    files.insert(module, file);
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let condition = attribute.meta.require_list().ok().filter(|list| list.path.is_ident("cfg"));
        condition.is_some_and(|list| list.tokens.to_string() == "test")
    })
}

/// Collects what a file names of its own crate.
struct Paths<'a> {
    here: Vec<String>,
    modules: &'a BTreeSet<Vec<String>>,
    found: BTreeSet<Vec<String>>,
}

impl Paths<'_> {
    fn name(&mut self, path: &[String]) {
        let (mut base, mut rest) = match path.first().map(String::as_str) {
            Some("crate") => (Vec::new(), &path[1..]),
            Some("self" | "super") => (self.here.clone(), path),
            _ => return,
        };
        while let Some(word) = rest.first().filter(|word| matches!(word.as_str(), "self" | "super")) {
            if word == "super" {
                base.pop();
            }
            rest = &rest[1..];
        }
        base.extend_from_slice(rest);
        while !self.modules.contains(&base) {
            base.pop();
        }
        self.found.insert(base);
    }

    fn tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.name(&with(&name.ident)),
            syn::UseTree::Rename(name) => self.name(&with(&name.ident)),
            syn::UseTree::Glob(_) => self.name(before),
            syn::UseTree::Group(group) => group.items.iter().for_each(|inner| self.tree(before, inner)),
        }
    }
}

impl<'a> Visit<'a> for Paths<'_> {
    fn visit_item_mod(&mut self, inner: &'a syn::ItemMod) {
        if inner.content.is_some() && !is_for_tests(&inner.attrs) {
            self.here.push(inner.ident.to_string());
            visit::visit_item_mod(self, inner);
            self.here.pop();
        }
    }

    fn visit_item_fn(&mut self, function: &'a syn::ItemFn) {
        if !is_for_tests(&function.attrs) {
            visit::visit_item_fn(self, function);
        }
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        if !is_for_tests(&item.attrs) {
            self.tree(&[], &item.tree);
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.name(&names);
        visit::visit_path(self, path);
    }
}

/// Modules on the way from one back to itself; nothing if no way leads back.
fn circle(imports: &Imports) -> Option<Vec<String>> {
    fn walk<'a>(
        at: &'a [String],
        imports: &'a Imports,
        way: &mut Vec<&'a [String]>,
        done: &mut BTreeSet<&'a [String]>,
    ) -> bool {
        if way.contains(&at) {
            way.push(at);
            return true;
        }
        if !done.insert(at) {
            return false;
        }
        way.push(at);
        if imports[at].iter().any(|next| walk(next, imports, way, done)) {
            return true;
        }
        way.pop();
        false
    }
    let (mut way, mut done) = (Vec::new(), BTreeSet::new());
    imports.keys().any(|module| walk(module, imports, &mut way, &mut done)).then(|| {
        let begin = way.iter().position(|module| Some(module) == way.last()).unwrap();
        way[begin..].iter().map(|module| module.join("::")).collect()
    })
}

#[test]
fn no_file_leads_back_to_itself() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let connectors = std::fs::read_dir(root.join("connectors")).unwrap().map(|folder| folder.unwrap().path());
    for folder in connectors.chain([root.to_owned()]) {
        let circle = circle(&imports(&folder.join("src/lib.rs")));
        assert_eq!(circle, None, "in {}", folder.display());
    }
}

#[test]
fn the_search_for_circles_finds_one() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("b")).unwrap();
    write("lib.rs", "mod a; mod b; pub use b::c::C; #[cfg(test)] mod t;");
    write("a.rs", "use crate::b::{c::C, D}; // super::b\n#[cfg(test)] mod tests { use crate::b::c; }");
    write("b/mod.rs", "pub mod c; pub mod d; pub use self::c::C;");
    write("b/c.rs", "fn f() { g(\"crate::a\"); super::d::E }");
    write("b/d.rs", "struct E;");
    let told = imports(&folder.path().join("lib.rs"));
    assert_eq!(circle(&told), None, "{told:?}");
    write("b/d.rs", "use super::super::a as other;");
    assert_eq!(circle(&imports(&folder.path().join("lib.rs"))).unwrap(), ["a", "b::c", "b::d", "a"]);
}

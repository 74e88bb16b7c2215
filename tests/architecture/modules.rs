//! The modules of each crate and whom each one uses, as the compiler sees it: `use` lists, `super::`, `self::`, full paths in
//! the code, and the other crates of this workspace. Tests are left out.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};
use syn::visit::{self, Visit};
use walkdir::WalkDir;

/// The crates that ship: the name by which others use each one, and its sources.
pub const CRATES: [(&str, &str); 3] =
    [("mirrorvip", "src"), ("mirrorvip_core", "crates/core/src"), ("mirrorvip_callouts", "crates/callouts/src")];

pub struct Module {
    /// The file, below the repository.
    pub file: String,
    /// Segments, the crate's name first: `mirrorvip_core`, `cloud`, `aws`, `route`.
    pub path: Vec<String>,
    /// The file's text without its tests and comments.
    pub code: String,
    /// The modules that this one uses, by their paths.
    pub uses: BTreeSet<Vec<String>>,
    pub opens_with_its_purpose: bool,
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn read_modules() -> Vec<Module> {
    let mut parsed = Vec::new();
    for (name, folder) in CRATES {
        let sources = root().join(folder);
        for entry in WalkDir::new(&sources).sort_by_file_name() {
            let entry = entry.expect("an entry");
            let file = entry.path();
            let mut folders = file.strip_prefix(&sources).expect("below the sources").components();
            let is_test = file.ends_with("tests.rs") || folders.any(|folder| folder.as_os_str() == "tests");
            if file.extension() != Some("rs".as_ref()) || is_test {
                continue;
            }
            let text = fs::read_to_string(file).expect("a source");
            let tree = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let below = file.strip_prefix(&sources).expect("below the sources").with_extension("");
            let mut path = vec![name.to_owned()];
            path.extend(below.iter().map(|part| part.to_string_lossy().into_owned()));
            path.retain(|part| part != "lib" && part != "mod");
            let shown = file.strip_prefix(root()).expect("below the root").display().to_string();
            parsed.push((shown, path, text, tree));
        }
    }
    let known: BTreeSet<Vec<String>> = parsed.iter().map(|(_, path, ..)| path.clone()).collect();
    assert!(known.len() > 60, "the sources were found");
    let module = |(file, path, text, tree): (String, Vec<String>, String, syn::File)| {
        let mut names = Names { here: path.clone(), found: BTreeSet::new() };
        names.visit_file(&tree);
        let to_module = |name: &Vec<String>| {
            (1..=name.len()).rev().map(|end| name[..end].to_vec()).find(|name| known.contains(name))
        };
        let uses = names.found.iter().filter_map(to_module).filter(|used| *used != path).collect();
        Module { file, path, code: code_of(&text), uses, opens_with_its_purpose: text.starts_with("//! ") }
    };
    parsed.into_iter().map(module).collect()
}

/// A file's text without its tests and comments.
fn code_of(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines: Vec<_> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    lines.join("\n")
}

/// Collects the absolute names that one file uses.
struct Names {
    here: Vec<String>,
    found: BTreeSet<Vec<String>>,
}

impl Names {
    fn note(&mut self, segments: &[String]) {
        let Some((first, rest)) = segments.split_first() else { return };
        let mut name = match first.as_str() {
            "crate" => vec![self.here[0].clone()],
            "self" => self.here.clone(),
            "super" => self.here[..self.here.len() - 1].to_vec(),
            other if CRATES.iter().any(|(known, _)| known == &other) => vec![other.to_owned()],
            // A child module, or something that a `use` has brought and that is noted there.
            other => self.here.iter().cloned().chain([other.to_owned()]).collect(),
        };
        for segment in rest {
            if segment == "super" {
                name.pop();
            } else {
                name.push(segment.clone());
            }
        }
        self.found.insert(name);
    }

    fn note_tree(&mut self, tree: &syn::UseTree, before: &[String]) {
        let with = |name: &syn::Ident| before.iter().cloned().chain([name.to_string()]).collect::<Vec<_>>();
        match tree {
            syn::UseTree::Path(path) => self.note_tree(&path.tree, &with(&path.ident)),
            syn::UseTree::Name(name) => self.note(&with(&name.ident)),
            syn::UseTree::Rename(rename) => self.note(&with(&rename.ident)),
            syn::UseTree::Glob(_) => self.note(before),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.note_tree(item, before)),
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        // That a module has a child says nothing; what stands inside it is a test.
        let _ = item;
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.note_tree(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.note(&segments);
        }
        visit::visit_path(self, path);
    }
}

/// Every group of modules that use one another in a circle, each group and its members in order.
pub fn circles(modules: &[Module]) -> Vec<Vec<String>> {
    let names: Vec<_> = modules.iter().map(|module| module.path.clone()).collect();
    let uses: BTreeMap<_, _> = modules.iter().map(|module| (&module.path, &module.uses)).collect();
    let reached = |from: &Vec<String>| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(next) = open.pop() {
            for used in uses.get(&next).into_iter().flat_map(|uses| uses.iter()) {
                if seen.insert(used.clone()) {
                    open.push(used.clone());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<_, _> = names.iter().map(|name| (name.clone(), reached(name))).collect();
    let mut groups = BTreeSet::new();
    for name in names.iter().filter(|name| reached[*name].contains(*name)) {
        let group = names.iter().filter(|other| reached[name].contains(*other) && reached[*other].contains(name));
        groups.insert(group.map(|path| path.join("::")).collect::<Vec<_>>());
    }
    groups.into_iter().collect()
}

//! What a shared library exports, needs and weighs, read from the file itself.

use anyhow::{Context, Result, ensure};
use object::{
    Endianness, Object, ObjectSymbol, elf,
    read::elf::{ElfFile64, FileHeader, ProgramHeader},
};
use std::{collections::BTreeSet, fmt, fs, path::Path};

#[derive(Debug)]
pub struct Artefact {
    pub architecture: &'static str,
    /// Bytes of the file.
    pub size: u64,
    /// The names that a process gets with it.
    pub exports: BTreeSet<String>,
    /// The libraries that the loader brings along (NEEDED).
    pub needed: BTreeSet<String>,
    /// The versions of symbols that these libraries must have, as `GLIBC_2.28`.
    pub versions: BTreeSet<String>,
    /// Folders in which the loader would look first (RPATH, RUNPATH).
    pub search_paths: BTreeSet<String>,
    /// Whether it asks for a stack on which code can run.
    pub executable_stack: bool,
    /// Whether its thread-local variables stand in the block that is laid out when the process starts.
    pub static_tls: bool,
    /// Whether code has to be changed when it is loaded.
    pub text_relocations: bool,
}

impl Artefact {
    pub fn read(path: &Path) -> Result<Artefact> {
        let bytes = fs::read(path).with_context(|| path.display().to_string())?;
        Artefact::parse(&bytes).with_context(|| path.display().to_string())
    }

    fn parse(bytes: &[u8]) -> Result<Artefact> {
        let file = ElfFile64::<Endianness>::parse(bytes)?;
        let (header, endian) = (file.elf_header(), file.endian());
        ensure!(header.e_type(endian) == elf::ET_DYN, "no shared library");
        let architecture = match header.e_machine(endian) {
            elf::EM_X86_64 => "x86_64",
            elf::EM_AARCH64 => "aarch64",
            _ => "another architecture",
        };
        let mut artefact = Artefact {
            architecture,
            size: bytes.len() as u64,
            exports: BTreeSet::new(),
            needed: BTreeSet::new(),
            versions: BTreeSet::new(),
            search_paths: BTreeSet::new(),
            executable_stack: true,
            static_tls: false,
            text_relocations: false,
        };
        for symbol in file.dynamic_symbols().filter(|symbol| !symbol.is_undefined() && symbol.is_global()) {
            artefact.exports.insert(symbol.name()?.to_owned());
        }
        let sections = file.elf_section_table();
        let dynamic = sections.dynamic_table(endian, bytes)?;
        ensure!(!dynamic.is_empty(), "no dynamic section");
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        for entry in dynamic.iter() {
            let name = || dynamic.string(entry).map(text);
            let has = |flag: elf::DynamicFlags| entry.val & flag.0 != 0;
            match entry.tag {
                elf::DT_NEEDED => drop(artefact.needed.insert(name()?)),
                elf::DT_RPATH | elf::DT_RUNPATH => drop(artefact.search_paths.insert(name()?)),
                elf::DT_TEXTREL => artefact.text_relocations = true,
                elf::DT_FLAGS => {
                    artefact.static_tls |= has(elf::DF_STATIC_TLS);
                    artefact.text_relocations |= has(elf::DF_TEXTREL);
                }
                _ => {}
            }
        }
        if let Some((mut libraries, link)) = sections.gnu_verneed(endian, bytes)? {
            let strings = sections.strings(endian, bytes, link)?;
            while let Some((_, mut versions)) = libraries.next()? {
                while let Some(version) = versions.next()? {
                    artefact.versions.insert(text(version.name(endian, strings)?));
                }
            }
        }
        for segment in file.elf_program_headers() {
            if segment.p_type(endian) == elf::PT_GNU_STACK {
                artefact.executable_stack = segment.p_flags(endian).0 & elf::PF_X.0 != 0;
            }
        }
        Ok(artefact)
    }

    /// The newest glibc that it asks for.
    pub fn glibc(&self) -> Option<(u32, u32)> {
        self.versions.iter().filter_map(|version| glibc_version(version)).max()
    }
}

/// `GLIBC_2.3.4` is (2, 3): a patch release adds no symbols that matter here.
pub fn glibc_version(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.strip_prefix("GLIBC_")?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

impl fmt::Display for Artefact {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |set: &BTreeSet<String>| set.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        writeln!(out, "  architecture  {}", self.architecture)?;
        writeln!(out, "  size          {:.2} MB", self.size as f64 / 1e6)?;
        match self.glibc() {
            Some((major, minor)) => writeln!(out, "  newest glibc  {major}.{minor}")?,
            None => writeln!(out, "  newest glibc  none")?,
        }
        writeln!(out, "  needs         {}", list(&self.needed))?;
        write!(out, "  exports       {}", list(&self.exports))
    }
}

//! What must hold of a shared library before a phone may load it.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail};
use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, Object, ObjectSymbol};

/// What to hold a library against.
pub(super) struct Expected<'a> {
    /// `EM_…` of the processor.
    pub(super) machine: elf::Machine,
    /// Every symbol that it exports.
    pub(super) exports: &'a [String],
    /// Libraries that it may need, by file name.
    pub(super) libraries: &'a [&'a str],
    /// Smallest alignment of a segment in bytes.
    pub(super) page: u64,
}

/// What was found of a library that holds.
#[derive(Debug)]
pub(super) struct Found {
    /// Smallest alignment of a loaded segment.
    pub(super) alignment: u64,
    /// Libraries that it needs.
    pub(super) needed: Vec<String>,
}

/// Looks at a library; an error lists every fault.
pub(super) fn check(file: &Path, expected: &Expected<'_>) -> Result<Found> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let (found, faults) = look(&bytes, expected).with_context(|| format!("{} is no library", file.display()))?;
    if !faults.is_empty() {
        bail!("{} cannot be shipped:\n  {}", file.display(), faults.join("\n  "));
    }
    Ok(found)
}

fn look(bytes: &[u8], expected: &Expected<'_>) -> Result<(Found, Vec<String>)> {
    let header = FileHeader64::<Endianness>::parse(bytes)?;
    let endian = header.endian()?;
    let mut faults = Vec::new();
    if header.e_type(endian) != elf::ET_DYN || header.e_machine(endian) != expected.machine {
        let (kind, machine) = (header.e_type(endian), header.e_machine(endian));
        faults.push(format!("type {kind:?} for machine {machine:?}, not a shared library for {:?}", expected.machine));
    }

    let loaded = header.program_headers(endian, bytes)?.iter().filter(|s| s.p_type(endian) == elf::PT_LOAD);
    let mut alignment = u64::MAX;
    for segment in loaded {
        let (align, address) = (segment.p_align(endian), segment.p_vaddr(endian));
        alignment = alignment.min(align);
        if align < expected.page {
            faults.push(format!("segment at {address:#x}: p_align {align:#x}, below {:#x}", expected.page));
        } else if address % align != segment.p_offset(endian) % align {
            faults.push(format!("segment at {address:#x}: lies at another place of its page in the file"));
        }
    }

    let file = object::read::elf::ElfFile64::<Endianness>::parse(bytes)?;
    let defined = file.dynamic_symbols().filter(|symbol| symbol.is_definition() && symbol.is_global());
    let exports: BTreeSet<&str> = defined.map(|symbol| symbol.name()).collect::<Result<_, _>>()?;
    let wanted: BTreeSet<&str> = expected.exports.iter().map(String::as_str).collect();
    faults.extend(wanted.difference(&exports).map(|name| format!("`{name}` is not exported")));
    faults.extend(exports.difference(&wanted).map(|name| format!("`{name}` is exported, and nobody asks for it")));

    let table = header.sections(endian, bytes)?.dynamic_table(endian, bytes)?;
    let mut needed = Vec::new();
    for entry in &table {
        match entry.tag {
            elf::DT_NEEDED => needed.push(String::from_utf8_lossy(table.string(entry)?).into_owned()),
            elf::DT_TEXTREL => faults.push("code that is changed while it is loaded (DT_TEXTREL)".to_owned()),
            _ => {}
        }
    }
    let foreign = needed.iter().filter(|name| !expected.libraries.contains(&name.as_str()));
    faults.extend(foreign.map(|name| format!("needs `{name}`, which is not on every device")));
    Ok((Found { alignment, needed }, faults))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::process::Command;

    use super::super::{classes, link};
    use super::*;
    use crate::shell;

    /// A library of one function for each name, linked by the machine's C compiler; `None` (printed) where there is none.
    fn library(folder: &Path, names: &[String], page: u64) -> Option<PathBuf> {
        if !shell::succeeds("cc", &["--version"]) || !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            println!("SKIP: no C compiler for x86-64 Linux");
            return None;
        }
        let (source, object) = (folder.join("made.c"), folder.join("made.o"));
        let functions: Vec<String> = names.iter().map(|name| format!("int {name}(void) {{ return 0; }}\n")).collect();
        std::fs::write(&source, functions.concat()).expect("written");
        shell::run(Command::new("cc").args(["-fPIC", "-c", "-o"]).args([&object, &source])).expect("compiles");
        let linker = link::Linker::Driver { program: "cc".into(), libraries: &[] };
        let file = folder.join(format!("libmade_{page:x}.so"));
        let shared = link::Shared { archive: &object, exports: names, page, stripped: true };
        linker.link(&shared, &file).expect("links");
        Some(file)
    }

    fn expected<'a>(exports: &'a [String]) -> Expected<'a> {
        Expected { machine: elf::EM_X86_64, exports, libraries: &["libc.so.6"], page: link::PAGE }
    }

    fn faults(file: &Path, expected: &Expected<'_>) -> String {
        format!("{:#}", check(file, expected).expect_err("faults"))
    }

    #[test]
    fn a_library_for_large_pages_passes_and_one_for_small_pages_does_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = classes::entry_points().expect("declared");
        let Some(large) = library(folder.path(), &names, 0x4000) else { return };
        let small = library(folder.path(), &names, 0x1000).expect("a compiler");
        assert_eq!(check(&large, &expected(&names)).expect("holds").alignment, 0x4000);
        let said = faults(&small, &expected(&names));
        assert!(said.contains("p_align 0x1000, below 0x4000"), "{said}");
    }

    #[test]
    fn symbols_are_exactly_the_wanted_ones() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = classes::entry_points().expect("declared");
        let Some(file) = library(folder.path(), &names, 0x4000) else { return };
        let said = faults(&file, &expected(&names[1..]));
        assert_eq!(said.matches("nobody asks for it").count(), 1, "{said}");
        let more = [&names[..], &["JNI_OnLoad".to_owned()]].concat();
        let said = faults(&file, &expected(&more));
        assert!(said.ends_with("`JNI_OnLoad` is not exported"), "{said}");
    }

    #[test]
    fn processor_and_libraries_are_looked_at() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = ["made".to_owned()];
        let Some(file) = library(folder.path(), &names, 0x4000) else { return };
        let said = faults(&file, &Expected { machine: elf::EM_AARCH64, ..expected(&names) });
        assert!(said.contains("not a shared library for"), "{said}");
        let found = check(&file, &expected(&names)).expect("holds");
        if !found.needed.is_empty() {
            let said = faults(&file, &Expected { libraries: &[], ..expected(&names) });
            assert!(said.contains("needs `libc.so.6`"), "{said}");
        }
        std::fs::write(&file, b"no library").expect("written");
        assert!(faults(&file, &expected(&names)).contains("is no library"));
    }

    /// What cargo links for the test of `portrait-jni`: for this machine's pages, and with the C interface among its symbols.
    #[test]
    fn the_library_as_cargo_links_it_lacks_nothing_but_is_not_for_phones() {
        let test = std::env::current_exe().expect("a path");
        let file = test.parent().expect("a folder").join("libportrait_jni.so");
        if !file.exists() || !cfg!(target_arch = "x86_64") {
            println!("SKIP: no {} (cargo build -p portrait-jni)", file.display());
            return;
        }
        let names = classes::entry_points().expect("declared");
        let said = faults(&file, &expected(&names));
        assert!(!said.contains("is not exported"), "an entry point is missing:\n{said}");
        assert!(said.contains("p_align 0x1000") && said.contains("`portrait_engine_open` is exported"), "{said}");
    }
}

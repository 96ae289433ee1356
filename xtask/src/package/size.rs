//! How large a library is: by section, and by the crate that its code and data come from.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use object::{BinaryFormat, Object, ObjectSection, ObjectSymbol, SectionFlags, SectionIndex, SymbolKind};

/// Crates with a line of their own.
const LINES: usize = 16;

/// Tables of a library that still has its symbols, in bytes.
pub(super) fn tables(file: &Path) -> Result<String> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let library = object::File::parse(&*bytes).with_context(|| format!("{} is no library", file.display()))?;
    let mut text = String::new();

    let mut sections: Vec<(u64, String)> = Vec::new();
    for section in library.sections().filter(is_in_file) {
        sections.push((section.size(), section.name()?.to_owned()));
    }
    let total = write_table(&mut text, "section", sections, LINES)?;

    let mut crates: HashMap<String, u64> = HashMap::new();
    let mut named = 0;
    for Named { name, size, .. } in named_parts(&library)? {
        if let Some(name) = crate_of(&name) {
            *crates.entry(name).or_default() += size;
            named += size;
        }
    }
    let mut shares: Vec<(u64, String)> = crates.into_iter().map(|(name, size)| (size, name)).collect();
    shares.push((total.saturating_sub(named), "without names: texts, embedded files, tables".to_owned()));
    write_table(&mut text, "crate", shares, LINES)?;
    Ok(text)
}

/// A function or data with a name.
struct Named {
    section: SectionIndex,
    address: u64,
    size: u64,
    name: String,
}

/// Functions and data in what is loaded from the file.
fn named_parts(library: &object::File<'_>) -> Result<Vec<Named>> {
    let sections: HashMap<SectionIndex, u64> =
        library.sections().filter(is_in_file).map(|s| (s.index(), s.address() + s.size())).collect();
    let mut parts = Vec::new();
    for symbol in library.symbols().filter(|symbol| symbol.is_definition()) {
        // Apple's format drops the names of constants: those before would be taken for all that follows.
        let kind = match library.format() {
            BinaryFormat::MachO => symbol.kind() == SymbolKind::Text,
            _ => matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data),
        };
        if let Some(section) = symbol.section_index().filter(|section| kind && sections.contains_key(section)) {
            let (address, size, name) = (symbol.address(), symbol.size(), symbol.name()?.to_owned());
            parts.push(Named { section, address, size, name });
        }
    }
    if library.format() == BinaryFormat::MachO {
        measure(&mut parts, &sections);
    }
    Ok(parts)
}

/// Sizes where the format has none: each part reaches to the next one, the last to the end of its section.
fn measure(parts: &mut [Named], ends: &HashMap<SectionIndex, u64>) {
    parts.sort_by_key(|part| (part.section.0, part.address));
    let nexts: Vec<(SectionIndex, u64)> = parts.iter().skip(1).map(|part| (part.section, part.address)).collect();
    for (i, part) in parts.iter_mut().enumerate() {
        let next = nexts.get(i).filter(|(section, _)| *section == part.section).map(|(_, address)| *address);
        part.size = next.or_else(|| ends.get(&part.section).copied()).unwrap_or(part.address) - part.address;
    }
}

/// Whether a section is loaded and takes room in the file.
fn is_in_file<'data>(section: &impl ObjectSection<'data>) -> bool {
    let loaded = match section.flags() {
        SectionFlags::Elf { sh_flags, .. } => sh_flags.contains(object::elf::SHF_ALLOC),
        _ => true,
    };
    loaded && section.file_range().is_some_and(|(_, size)| size > 0)
}

/// The crate that the symbol's path begins with; of an implementation the one of the type, or of the trait where the type is
/// a parameter. `None` for data that the compiler has numbered instead of named.
fn crate_of(symbol: &str) -> Option<String> {
    let path = format!("{:#}", rustc_demangle::demangle(symbol));
    if path == symbol {
        // Apple's names of C have a line before them, and what the compiler has numbered an l as well.
        let name = symbol.strip_prefix('_').unwrap_or(symbol);
        let owner = match name {
            _ if name.starts_with("Java_") => "portrait_jni",
            _ if name.starts_with("portrait_") => "portrait_ffi",
            _ => "C and the linker's",
        };
        let numbered = symbol.trim_start_matches(['_', 'l']).starts_with("anon.");
        return (!numbered).then(|| owner.to_owned());
    }
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut crates = path.match_indices("::").map(|(end, _)| {
        let start = path[..end].rfind(|c| !is_name(c)).map_or(0, |before| before + 1);
        &path[start..end]
    });
    Some(crates.find(|name| !name.is_empty()).unwrap_or("core").to_owned())
}

/// Writes the largest of these, and the rest as one line; their sum.
fn write_table(text: &mut String, what: &str, mut rows: Vec<(u64, String)>, lines: usize) -> Result<u64> {
    rows.sort_by(|a, b| b.cmp(a));
    let total: u64 = rows.iter().map(|(size, _)| size).sum();
    let rest: u64 = rows.iter().skip(lines).map(|(size, _)| size).sum();
    let count = rows.len().saturating_sub(lines);
    rows.truncate(lines);
    if count > 0 {
        rows.push((rest, format!("{count} more")));
    }
    writeln!(text, "{:>12}  {:>6}  {what}", "bytes", "share")?;
    for (size, name) in &rows {
        writeln!(text, "{size:>12}  {:>5.1}%  {name}", 100.0 * *size as f64 / total.max(1) as f64)?;
    }
    writeln!(text, "{total:>12}")?;
    Ok(total)
}

#[cfg(test)]
mod tests {
    use object::write::{Object as Made, StandardSection, Symbol, SymbolSection};
    use object::{Architecture, Endianness, SymbolFlags, SymbolScope};

    use super::*;

    #[test]
    fn symbols_belong_to_crates() {
        for (symbol, expected) in [
            ("_ZN9wgpu_core6device5queue5Queue6submit17h0123456789abcdefE", "wgpu_core"),
            ("_ZN62_$LT$naga..front..wgsl..Frontend$u20$as$u20$core..any..Any$GT$4type17h0123456789abcdefE", "naga"),
            ("_ZN4core3ptr33drop_in_place$LT$wgpu..Device$GT$17h0123456789abcdefE", "core"),
            ("_ZN45_$LT$T$u20$as$u20$alloc..string..ToString$GT$9to_string17h0123456789abcdefE", "alloc"),
            ("_RNvNtCs1234_7mycrate3foo3bar", "mycrate"),
            ("Java_org_portrait_Native_lastError", "portrait_jni"),
            ("memcpy", "C and the linker's"),
            ("__ZN9wgpu_core6device5queue5Queue6submit17h0123456789abcdefE", "wgpu_core"),
            ("_portrait_session_push", "portrait_ffi"),
            ("_memcpy", "C and the linker's"),
        ] {
            assert_eq!(crate_of(symbol).as_deref(), Some(expected), "{symbol}");
        }
        assert_eq!(crate_of("anon.5d2ff7a2ec0b6d8b.17"), None);
        assert_eq!(crate_of("l_anon.5d2ff7a2ec0b6d8b.17"), None);
    }

    #[test]
    fn parts_without_a_size_reach_to_the_next() {
        let part = |section, address| Named { section: SectionIndex(section), address, size: 0, name: String::new() };
        let mut parts = [part(2, 100), part(1, 30), part(1, 10), part(1, 30)];
        measure(&mut parts, &HashMap::from([(SectionIndex(1), 50), (SectionIndex(2), 107)]));
        assert_eq!(parts.map(|part| (part.address, part.size)), [(10, 20), (30, 0), (30, 20), (100, 7)]);
    }

    #[test]
    fn shares_of_crates_are_found_in_apple_s_format() {
        let mut made = Made::new(BinaryFormat::MachO, Architecture::Aarch64, Endianness::Little);
        let section = made.section_id(StandardSection::Text);
        for (name, length) in [("_ZN4naga4back17h0123456789abcdefE", 12), ("portrait_last_error", 4)] {
            let value = made.append_section_data(section, &vec![0; length], 4);
            made.add_symbol(Symbol {
                name: name.as_bytes().to_vec(),
                value,
                size: 0,
                kind: SymbolKind::Text,
                scope: SymbolScope::Dynamic,
                weak: false,
                section: SymbolSection::Section(section),
                flags: SymbolFlags::None,
            });
        }
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), made.write().expect("an object file")).expect("written");
        let tables = tables(file.path()).expect("tables");
        for (size, name) in [(12, "naga"), (4, "portrait_ffi"), (16, "__text")] {
            let line =
                |line: &str| line.trim().starts_with(&format!("{size} ")) && line.ends_with(&format!("  {name}"));
            assert!(tables.lines().any(line), "{size} of {name}:\n{tables}");
        }
    }

    #[test]
    fn a_program_is_the_sum_of_its_parts() {
        let tables = tables(&std::env::current_exe().expect("a path")).expect("tables");
        assert!(tables.contains(".text") && tables.contains(" core\n"), "{tables}");
        let (sections, crates) = tables.split_once("  crate\n").expect("two tables");
        let total = |table: &str| table.trim_end().lines().last().map(|line| line.trim().to_owned());
        let sections = sections.trim_end().rsplit_once('\n').map_or(sections, |(table, _)| table);
        assert_eq!(total(sections), total(crates), "{tables}");
    }
}

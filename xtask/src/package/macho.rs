//! What must hold of a static library for one of Apple's systems.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail};
use object::macho::{LC_VERSION_MIN_IPHONEOS, LC_VERSION_MIN_MACOSX, PLATFORM_IOS, PLATFORM_MACOS, Platform};
use object::read::archive::ArchiveFile;
use object::read::macho::MachOFile64;
use object::{Architecture, Endianness, Object, ObjectSymbol};

/// Looks at a library for processors of ARM's with 64 bits; an error lists every fault.
pub(super) fn check(file: &Path, platform: Platform, functions: &[String]) -> Result<()> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let faults = look(&bytes, platform, functions).with_context(|| format!("{} is no library", file.display()))?;
    if !faults.is_empty() {
        bail!("{} cannot be shipped:\n  {}", file.display(), faults.join("\n  "));
    }
    Ok(())
}

fn look(bytes: &[u8], platform: Platform, functions: &[String]) -> Result<Vec<String>> {
    let archive = ArchiveFile::parse(bytes)?;
    let mut faults = Vec::new();
    // Some members of every library are for any system.
    let mut told = false;
    let mut defined: BTreeSet<String> = BTreeSet::new();
    for member in archive.members() {
        let member = member?;
        let name = String::from_utf8_lossy(member.name()).into_owned();
        let bytes = member.data(bytes)?;
        let object = object::File::parse(bytes).with_context(|| format!("{name} is no object file"))?;
        if object.architecture() != Architecture::Aarch64 {
            faults.push(format!("{name} is for {:?}", object.architecture()));
        }
        match built_for(bytes).with_context(|| format!("{name} is not Apple's"))? {
            Some(other) if other != platform => {
                faults.push(format!("{name} is for platform {other:?}, not {platform:?}"))
            }
            Some(_) => told = true,
            None => {}
        }
        let symbols = object.symbols().filter(|symbol| symbol.is_definition() && symbol.is_global());
        // C's names have a line before them.
        let names = symbols.filter_map(|symbol| symbol.name().ok()?.strip_prefix('_').map(str::to_owned));
        defined.extend(names);
    }
    if !told {
        faults.push(format!("no member says that it is for platform {platform:?}"));
    }
    let lacking = functions.iter().filter(|name| !defined.contains(*name));
    faults.extend(lacking.map(|name| format!("`{name}` of portrait.h is not defined")));
    Ok(faults)
}

/// The system that an object file names, if any: by the command for all of them, or by those from before there were simulators on
/// this processor, which the compiler still writes for old versions.
fn built_for(bytes: &[u8]) -> Result<Option<Platform>> {
    let file = MachOFile64::<Endianness>::parse(bytes)?;
    let mut commands = file.macho_load_commands()?;
    while let Some(command) = commands.next()? {
        match command.cmd() {
            LC_VERSION_MIN_IPHONEOS => return Ok(Some(PLATFORM_IOS)),
            LC_VERSION_MIN_MACOSX => return Ok(Some(PLATFORM_MACOS)),
            _ => {}
        }
    }
    Ok(file.build_version()?.map(|(version, _)| version.platform.get(file.endian())))
}

#[cfg(test)]
mod tests {
    use object::macho::PLATFORM_IOSSIMULATOR;
    use object::write::{MachOBuildVersion, Object as Made, StandardSection, Symbol, SymbolSection};
    use object::{BinaryFormat, SymbolFlags, SymbolKind, SymbolScope};

    use super::*;

    /// An archive of one object file that defines these functions; platform 0 is not said.
    fn library(platform: Platform, architecture: Architecture, functions: &[&str]) -> tempfile::NamedTempFile {
        let mut made = Made::new(BinaryFormat::MachO, architecture, Endianness::Little);
        let mut version = MachOBuildVersion::default();
        version.platform = platform;
        if platform.0 != 0 {
            made.set_macho_build_version(version);
        }
        let section = made.section_id(StandardSection::Text);
        for name in functions {
            let value = made.append_section_data(section, &[0xc0, 0x03, 0x5f, 0xd6], 4);
            made.add_symbol(Symbol {
                name: name.as_bytes().to_vec(),
                value,
                size: 4,
                kind: SymbolKind::Text,
                scope: SymbolScope::Dynamic,
                weak: false,
                section: SymbolSection::Section(section),
                flags: SymbolFlags::None,
            });
        }
        let member = made.write().expect("an object file");
        let head = format!("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", "made.o/", 0, 0, 0, 644, member.len());
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), [b"!<arch>\n", head.as_bytes(), &member].concat()).expect("written");
        file
    }

    #[test]
    fn platform_processor_and_functions_are_looked_at() {
        let wanted = ["portrait_last_error".to_owned(), "portrait_session_push".to_owned()];
        let both = ["portrait_last_error", "portrait_session_push"];
        let faults = |file: &tempfile::NamedTempFile| {
            let error = check(file.path(), PLATFORM_IOS, &wanted).expect_err("faults");
            format!("{error:#}")
        };
        let right = library(PLATFORM_IOS, Architecture::Aarch64, &both);
        check(right.path(), PLATFORM_IOS, &wanted).expect("holds");

        let simulator = library(PLATFORM_IOSSIMULATOR, Architecture::Aarch64, &both);
        assert!(faults(&simulator).contains("made.o is for platform "), "{}", faults(&simulator));
        let silent = library(Platform(0), Architecture::Aarch64, &both);
        assert!(faults(&silent).contains("no member says"), "{}", faults(&silent));
        let intel = library(PLATFORM_IOS, Architecture::X86_64, &both);
        assert!(faults(&intel).contains("made.o is for X86_64"), "{}", faults(&intel));
        let one = library(PLATFORM_IOS, Architecture::Aarch64, &both[..1]);
        assert!(faults(&one).ends_with("`portrait_session_push` of portrait.h is not defined"), "{}", faults(&one));
        std::fs::write(one.path(), b"no archive").expect("written");
        assert!(faults(&one).contains("is no library"));
    }
}

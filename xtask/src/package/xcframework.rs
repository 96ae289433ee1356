//! Apple's bundle of a static library for several systems: what `xcodebuild -create-xcframework` makes, without a Mac.
//!
//! A folder for each system with the library and its headers, and a list of them. The keys and the folders' names are those of Apple's
//! own source, `Sources/SWBCore/XCFramework.swift` of github.com/swiftlang/swift-build.

use std::path::Path;

use anyhow::{Context, Result};

/// A library for 64-bit processors of ARM's.
pub(super) struct Library<'a> {
    /// What it is for, as the linker calls it: a system, and `-simulator` behind it where it is only that.
    pub(super) platform: &'a str,
    pub(super) file: &'a Path,
}

impl Library<'_> {
    /// System and variant.
    fn system(&self) -> (&str, Option<&str>) {
        match self.platform.split_once('-') {
            Some((system, variant)) => (system, Some(variant)),
            None => (self.platform, None),
        }
    }

    /// Name of its folder.
    fn identifier(&self) -> String {
        let (system, variant) = self.system();
        let variant = variant.map(|variant| format!("-{variant}")).unwrap_or_default();
        format!("{system}-arm64{variant}")
    }

    fn name(&self) -> Result<String> {
        Ok(self.file.file_name().context("a file")?.to_string_lossy().into_owned())
    }
}

/// Writes the bundle in place of what is there; each library gets these headers, by name and text.
pub(super) fn write(libraries: &[Library<'_>], headers: &[(&str, &str)], bundle: &Path) -> Result<()> {
    if bundle.exists() {
        std::fs::remove_dir_all(bundle).with_context(|| format!("cannot replace {}", bundle.display()))?;
    }
    for library in libraries {
        let folder = bundle.join(library.identifier());
        let beside = folder.join("Headers");
        std::fs::create_dir_all(&beside).with_context(|| format!("cannot make {}", beside.display()))?;
        std::fs::copy(library.file, folder.join(library.name()?))
            .with_context(|| format!("cannot copy {}", library.file.display()))?;
        for (name, text) in headers {
            std::fs::write(beside.join(name), text)?;
        }
    }
    // Last: without the list it is no bundle, and what was left half done is not taken for one.
    let list = list(libraries)?;
    std::fs::write(bundle.join("Info.plist"), list).with_context(|| format!("cannot write into {}", bundle.display()))
}

/// The list, with keys in the order of Apple's encoder.
fn list(libraries: &[Library<'_>]) -> Result<String> {
    let mut text = HEAD.to_owned();
    for library in libraries {
        let (system, variant) = library.system();
        let name = library.name()?;
        text += "\t\t<dict>\n";
        for (key, value) in [
            ("BinaryPath", name.as_str()),
            ("HeadersPath", "Headers"),
            ("LibraryIdentifier", &library.identifier()),
            ("LibraryPath", &name),
        ] {
            text += &entry(key, value);
        }
        text +=
            "\t\t\t<key>SupportedArchitectures</key>\n\t\t\t<array>\n\t\t\t\t<string>arm64</string>\n\t\t\t</array>\n";
        text += &entry("SupportedPlatform", system);
        text += &variant.map(|variant| entry("SupportedPlatformVariant", variant)).unwrap_or_default();
        text += "\t\t</dict>\n";
    }
    Ok(text + TAIL)
}

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>AvailableLibraries</key>
	<array>
"#;

const TAIL: &str = "\t</array>
\t<key>CFBundlePackageType</key>
\t<string>XFWK</string>
\t<key>XCFrameworkFormatVersion</key>
\t<string>1.0</string>
</dict>
</plist>
";

fn entry(key: &str, value: &str) -> String {
    format!("\t\t\t<key>{key}</key>\n\t\t\t<string>{value}</string>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>AvailableLibraries</key>
	<array>
		<dict>
			<key>BinaryPath</key>
			<string>libportrait_ffi.a</string>
			<key>HeadersPath</key>
			<string>Headers</string>
			<key>LibraryIdentifier</key>
			<string>ios-arm64</string>
			<key>LibraryPath</key>
			<string>libportrait_ffi.a</string>
			<key>SupportedArchitectures</key>
			<array>
				<string>arm64</string>
			</array>
			<key>SupportedPlatform</key>
			<string>ios</string>
		</dict>
		<dict>
			<key>BinaryPath</key>
			<string>libportrait_ffi.a</string>
			<key>HeadersPath</key>
			<string>Headers</string>
			<key>LibraryIdentifier</key>
			<string>ios-arm64-simulator</string>
			<key>LibraryPath</key>
			<string>libportrait_ffi.a</string>
			<key>SupportedArchitectures</key>
			<array>
				<string>arm64</string>
			</array>
			<key>SupportedPlatform</key>
			<string>ios</string>
			<key>SupportedPlatformVariant</key>
			<string>simulator</string>
		</dict>
	</array>
	<key>CFBundlePackageType</key>
	<string>XFWK</string>
	<key>XCFrameworkFormatVersion</key>
	<string>1.0</string>
</dict>
</plist>
"#;

    #[test]
    fn libraries_headers_and_the_list_of_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let [phone, simulator] = ["phone", "simulator"].map(|name| {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
            let file = folder.path().join(name).join("libportrait_ffi.a");
            std::fs::write(&file, name).expect("written");
            file
        });
        let bundle = folder.path().join("C.xcframework");
        // Of an earlier one nothing stays.
        std::fs::create_dir_all(bundle.join("macos-arm64")).expect("a folder");
        let libraries =
            [Library { platform: "ios", file: &phone }, Library { platform: "ios-simulator", file: &simulator }];
        write(&libraries, &[("portrait.h", "int one;"), ("module.modulemap", "module")], &bundle).expect("written");

        assert_eq!(std::fs::read_to_string(bundle.join("Info.plist")).expect("a list"), EXPECTED);
        assert_eq!(std::fs::read_dir(&bundle).expect("a folder").count(), 3);
        for (identifier, library) in [("ios-arm64", "phone"), ("ios-arm64-simulator", "simulator")] {
            let read = |name: &str| std::fs::read_to_string(bundle.join(identifier).join(name)).expect("there");
            assert_eq!(read("libportrait_ffi.a"), library);
            assert_eq!(
                (read("Headers/portrait.h"), read("Headers/module.modulemap")),
                ("int one;".into(), "module".into())
            );
        }
    }

    #[test]
    fn a_library_that_is_missing_leaves_no_bundle() {
        let folder = tempfile::tempdir().expect("a folder");
        let (gone, bundle) = (folder.path().join("gone.a"), folder.path().join("C.xcframework"));
        let error = write(&[Library { platform: "macos", file: &gone }], &[], &bundle).expect_err("no library");
        assert!(format!("{error:#}").contains("gone.a"));
        assert!(!bundle.join("Info.plist").exists());
    }
}

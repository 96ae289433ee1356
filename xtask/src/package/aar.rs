//! Android's archive of a library.

use std::io::{Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// What goes into it.
pub(super) struct Parts<'a> {
    /// Smallest version of Android, as a number of its interface.
    pub(super) minimum_sdk: u32,
    /// Folder of compiled classes.
    pub(super) classes: &'a Path,
    /// Rules for whoever shrinks the app.
    pub(super) rules: &'a str,
    /// By name of the interface ("arm64-v8a"), the library for it.
    pub(super) libraries: Vec<(&'a str, &'a Path)>,
    /// Files that the app opens by name.
    pub(super) assets: Vec<&'a Path>,
}

/// Writes the archive; the same bytes for the same parts. The file appears whole or not at all.
pub(super) fn write(parts: &Parts<'_>, file: &Path) -> Result<()> {
    let folder = file.parent().context("a file in a folder")?;
    let made = tempfile::NamedTempFile::new_in(folder)?;
    let mut archive = Archive(ZipWriter::new(made.reopen()?));
    archive.add("AndroidManifest.xml", manifest(parts.minimum_sdk).as_bytes())?;
    archive.add("R.txt", b"")?;
    archive.add("META-INF/com/android/build/gradle/aar-metadata.properties", METADATA)?;
    archive.add("proguard.txt", parts.rules.as_bytes())?;
    archive.add("classes.jar", &jar(parts.classes)?)?;
    for (interface, library) in &parts.libraries {
        archive.add_file(&format!("jni/{interface}"), library)?;
    }
    for asset in &parts.assets {
        archive.add_file("assets", asset)?;
    }
    archive.0.finish()?;
    made.persist(file).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(())
}

const METADATA: &[u8] = b"aarFormatVersion=1.0\naarMetadataVersion=1.0\n";

fn manifest(minimum_sdk: u32) -> String {
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="org.portrait">
    <uses-sdk android:minSdkVersion="{minimum_sdk}" />
</manifest>
"#
    )
}

/// The classes as an archive of Java's.
fn jar(classes: &Path) -> Result<Vec<u8>> {
    let mut archive = Archive(ZipWriter::new(std::io::Cursor::new(Vec::new())));
    archive.add("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\r\n\r\n")?;
    for (name, path) in files(classes, "")? {
        archive.add(&name, &std::fs::read(path)?)?;
    }
    Ok(archive.0.finish()?.into_inner())
}

/// Every file below a folder with its name from there, in order.
fn files(folder: &Path, prefix: &str) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            found.extend(files(&entry.path(), &format!("{name}/"))?);
        } else {
            found.push((name, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

struct Archive<W: Write + Seek>(ZipWriter<W>);

impl<W: Write + Seek> Archive<W> {
    fn add(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default());
        self.0.start_file(name, options)?;
        Ok(self.0.write_all(bytes)?)
    }

    fn add_file(&mut self, folder: &str, file: &Path) -> Result<()> {
        let name = file.file_name().context("a file")?.to_string_lossy().into_owned();
        let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        self.add(&format!("{folder}/{name}"), &bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use zip::ZipArchive;

    use super::*;

    fn read(bytes: Vec<u8>) -> BTreeMap<String, Vec<u8>> {
        let mut archive = ZipArchive::new(std::io::Cursor::new(bytes)).expect("an archive");
        let mut found = BTreeMap::new();
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index).expect("an entry");
            let name = entry.name().expect("a name").into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("whole");
            found.insert(name, bytes);
        }
        found
    }

    #[test]
    fn everything_is_at_its_place_and_twice_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let classes = folder.path().join("classes/org/portrait");
        std::fs::create_dir_all(&classes).expect("a folder");
        std::fs::write(classes.join("Engine.class"), b"engine").expect("written");
        let (library, asset) = (folder.path().join("libportrait_jni.so"), folder.path().join("s.safetensors"));
        std::fs::write(&library, [7; 5000]).expect("written");
        std::fs::write(&asset, b"weights").expect("written");
        let parts = Parts {
            minimum_sdk: 26,
            classes: &folder.path().join("classes"),
            rules: "-keep",
            libraries: vec![("arm64-v8a", &library), ("x86_64", &library)],
            assets: vec![&asset],
        };
        let made = ["one.aar", "two.aar"].map(|name| {
            write(&parts, &folder.path().join(name)).expect("written");
            std::fs::read(folder.path().join(name)).expect("there")
        });
        assert_eq!(made[0], made[1]);

        let [one, _] = made;
        let mut found = read(one);
        assert!(String::from_utf8_lossy(&found["AndroidManifest.xml"]).contains(r#"minSdkVersion="26""#));
        assert_eq!(found["jni/arm64-v8a/libportrait_jni.so"], [7; 5000]);
        assert_eq!((&found["proguard.txt"][..], &found["assets/s.safetensors"][..]), (&b"-keep"[..], &b"weights"[..]));
        let jar = read(found.remove("classes.jar").expect("classes"));
        assert_eq!(jar["org/portrait/Engine.class"], b"engine");
        assert_eq!(found.len(), 7, "{:?}", found.keys());
    }

    #[test]
    fn a_part_that_is_missing_leaves_nothing_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let gone = folder.path().join("gone.so");
        let libraries = vec![("x86_64", gone.as_path())];
        let parts = Parts { minimum_sdk: 26, classes: folder.path(), rules: "", libraries, assets: vec![] };
        let error = write(&parts, &folder.path().join("a.aar")).expect_err("no library");
        assert!(format!("{error:#}").contains("gone.so"));
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }
}

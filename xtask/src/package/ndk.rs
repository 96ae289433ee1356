//! Google's toolchains: the NDK that links, the SDK's `android.jar` that the classes are compiled against.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// How to get the NDK.
pub(super) const HOW_NDK: &str = "sdkmanager 'ndk;28.2.13676358' (or https://developer.android.com/ndk/downloads), and ANDROID_NDK_HOME set to its folder";
/// How to get `android.jar`.
pub(super) const HOW_SDK: &str = "sdkmanager 'platforms;android-35', and ANDROID_HOME set to the SDK's folder";

/// The NDK's clang for a target and a version of Android: of the folder that a variable names, or the newest of the SDK.
pub(super) fn clang(target: &str, sdk_version: u32) -> Option<PathBuf> {
    let named = ["ANDROID_NDK_HOME", "ANDROID_NDK_ROOT"].iter().find_map(std::env::var_os).map(PathBuf::from);
    let ndk = named.or_else(|| newest(&sdk()?.join("ndk")))?;
    let hosts = std::fs::read_dir(ndk.join("toolchains/llvm/prebuilt")).ok()?;
    let program = format!("bin/{target}{sdk_version}-clang{}", if cfg!(windows) { ".cmd" } else { "" });
    hosts.flatten().map(|host| host.path().join(&program)).find(|clang| clang.exists())
}

/// The newest `android.jar` of the SDK.
pub(super) fn android_jar() -> Option<PathBuf> {
    Some(newest(&sdk()?.join("platforms"))?.join("android.jar")).filter(|jar| jar.exists())
}

fn sdk() -> Option<PathBuf> {
    ["ANDROID_HOME", "ANDROID_SDK_ROOT"].iter().find_map(std::env::var_os).map(PathBuf::from)
}

/// The folder in this one whose name has the highest numbers.
fn newest(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    entries.max_by_key(|entry| numbers(entry.file_name())).map(|entry| entry.path())
}

/// "android-35" and "28.2.13676358" as numbers that compare.
fn numbers(name: OsString) -> Vec<u64> {
    name.to_string_lossy().split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["android-9", "android-35", "android-26"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        assert_eq!(newest(folder.path()).expect("one"), folder.path().join("android-35"));
        assert_eq!(newest(&folder.path().join("none")), None);
    }
}

//! What a fresh machine lacks: a C++ compiler for openh264, a Vulkan driver for wgpu, screens without hardware for tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::{kotlin, shell};

/// Environment for everything that opens a device.
#[derive(Default)]
pub(crate) struct Environment {
    variables: Vec<(&'static str, PathBuf)>,
}

impl Environment {
    /// Sets the variables on a command.
    pub(crate) fn apply(&self, command: &mut Command) {
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
    }
}

/// What [`prepare`] prepares for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Run,
    /// Also opens windows.
    Test,
}

/// Installs what is missing, or says which command does; then the environment to run in.
pub(crate) fn prepare(purpose: Purpose) -> Result<Environment> {
    let mut packages: Vec<&str> = Vec::new();
    if !has_cpp_compiler() {
        println!("setup: no C++ compiler (openh264 is built from source)");
        packages.push("g++");
    }
    if cfg!(target_os = "linux") && !has_vulkan() {
        println!("setup: no Vulkan driver (Mesa's software driver runs everything, slowly)");
        packages.extend(["mesa-vulkan-drivers", "libvulkan1"]);
    }
    if cfg!(target_os = "linux") && purpose == Purpose::Test && !has_screen() {
        println!(
            "setup: no Xvfb, or none of the libraries that windows need (tests open windows on a screen without hardware)"
        );
        packages.extend(["xvfb", "libx11-xcb1", "libxcursor1", "libxi6", "libxkbcommon-x11-0"]);
    }
    if cfg!(target_os = "linux") && purpose == Purpose::Test {
        if !Path::new("/usr/include/X11/Xlib.h").exists() {
            println!("setup: no header of X11 (a C program draws on a window)");
            packages.push("libx11-dev");
        }
        if !has_wayland() {
            println!("setup: no Weston, or none of what C needs for Wayland (a C program draws on a surface)");
            packages.extend(["weston", "libwayland-dev", "wayland-protocols"]);
        }
        if !Path::new("/usr/include/vulkan/vulkan.h").exists() {
            println!("setup: no header of Vulkan (a C program has a device of its own)");
            packages.push("libvulkan-dev");
        }
        if !has_program("valgrind") {
            println!("setup: no valgrind (it watches what the C interface reads and writes)");
            packages.extend(["valgrind", "libc6-dbg"]);
        }
        if !shell::succeeds("spirv-val", &["--version"]) {
            println!("setup: no spirv-val (Khronos' validator looks at every shader)");
            packages.push("spirv-tools");
        }
    }
    if !packages.is_empty() {
        install(&packages)?;
    }
    environment(purpose)
}

fn environment(purpose: Purpose) -> Result<Environment> {
    let mut variables = Vec::new();
    if purpose == Purpose::Test {
        variables.extend(kotlin::compiler().map(|compiler| ("KOTLINC", compiler)));
    }
    if cfg!(target_os = "linux") {
        if !has_gpu() && std::env::var_os("WGPU_BACKEND").is_none() {
            variables.push(("WGPU_BACKEND", PathBuf::from("vulkan")));
        }
        if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
            let directory = shell::target_dir().join("xdg-runtime");
            std::fs::create_dir_all(&directory)?;
            restrict(&directory)?;
            variables.push(("XDG_RUNTIME_DIR", directory));
        }
    }
    Ok(Environment { variables })
}

/// Runtime directories that others may write to are refused.
#[cfg(unix)]
fn restrict(directory: &Path) -> Result<()> {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    Ok(std::fs::set_permissions(directory, mode)?)
}

#[cfg(not(unix))]
fn restrict(_directory: &Path) -> Result<()> {
    Ok(())
}

fn has_cpp_compiler() -> bool {
    if cfg!(windows) || std::env::var_os("CXX").is_some() {
        return true;
    }
    shell::succeeds("c++", &["--version"])
}

/// Whether the loader and at least one driver manifest are there.
fn has_vulkan() -> bool {
    let listed = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"];
    if let Some(files) = listed.iter().find_map(std::env::var_os) {
        return std::env::split_paths(&files).any(|file| file.exists());
    }
    let mut roots: Vec<PathBuf> = ["/usr/share", "/usr/local/share", "/etc"].map(PathBuf::from).into();
    roots.extend(std::env::var_os("XDG_DATA_DIRS").iter().flat_map(std::env::split_paths));
    roots.extend(std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/share")));
    let manifest =
        roots.iter().any(|root| !files_in(&root.join("vulkan/icd.d"), |name| name.ends_with(".json")).is_empty());
    manifest && has_loader()
}

/// Whether tests can open a window.
fn has_screen() -> bool {
    let libraries = ["libX11-xcb.so.1", "libXcursor.so.1", "libXi.so.6", "libxkbcommon-x11.so.0"];
    has_program("Xvfb") && libraries.iter().all(|name| has_library(name))
}

/// Whether tests can open a surface of Wayland's, and photograph it.
fn has_wayland() -> bool {
    let files = ["/usr/include/wayland-client.h", "/usr/share/wayland-protocols/stable/xdg-shell/xdg-shell.xml"];
    let programs = ["weston", "weston-screenshooter", "wayland-scanner"];
    programs.iter().all(|program| has_program(program)) && files.iter().all(|file| Path::new(file).exists())
}

fn has_program(name: &str) -> bool {
    shell::succeeds("sh", &["-c", &format!("command -v {name}")])
}

fn has_loader() -> bool {
    has_library("libvulkan.so.1")
}

fn has_library(name: &str) -> bool {
    let mut directories: Vec<PathBuf> =
        ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64"].map(PathBuf::from).into();
    directories.extend(std::env::var_os("LD_LIBRARY_PATH").iter().flat_map(std::env::split_paths));
    // Debian keeps libraries in one directory per architecture.
    directories.extend(files_in(Path::new("/usr/lib"), |name| name.contains("-linux-")));
    directories.iter().any(|directory| directory.join(name).exists())
}

/// Whether the machine has a GPU of its own: a software driver then is not forced.
fn has_gpu() -> bool {
    !files_in(Path::new("/dev/dri"), |name| name.starts_with("renderD")).is_empty()
        || ["/dev/nvidia0", "/dev/dxg", "/dev/mali0", "/dev/kgsl-3d0"].iter().any(|node| Path::new(node).exists())
}

fn files_in(directory: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    entries.flatten().filter(|entry| wanted(&entry.file_name().to_string_lossy())).map(|entry| entry.path()).collect()
}

/// Installs Debian packages, as root and where there is apt.
fn install(packages: &[&str]) -> Result<()> {
    let arguments = [&["install", "--yes", "--no-install-recommends"], packages].concat();
    let by_hand = format!("apt-get update && apt-get {}", arguments.join(" "));
    if !shell::succeeds("apt-get", &["--version"]) {
        bail!(
            "{} missing, and there is no apt-get here: install them with this system's package manager",
            packages.join(" ")
        );
    }
    if !shell::succeeds("sh", &["-c", "test $(id -u) -eq 0"]) {
        bail!("{} missing; install with\n\n    sudo sh -c '{by_hand}'\n", packages.join(" "));
    }
    println!("setup: {by_hand}");
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("--quiet").args(arguments);
        shell::run(&mut command)
    };
    // A source that cannot be reached is no reason to stop: the package lists may be good enough.
    if let Err(error) = apt(&["update"]) {
        eprintln!("setup: {error:#}");
    }
    apt(&arguments)
}

//! The C interface as C programs see it: `tests/c`, compiled by gcc as strictly as it can, run under AddressSanitizer.

mod device;
mod library;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use device::device;
use library::{libraries, library};
use safetensors::SafeTensors;

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// A compiled program of `tests/c`; `None` (printed) where there is no gcc with AddressSanitizer.
struct Program {
    folder: tempfile::TempDir,
    file: PathBuf,
}

impl Program {
    fn new(name: &str, flags: &[&str], watched: bool) -> Option<Self> {
        // Watched for wrong accesses, it takes times the memory, and keeps what was freed.
        let sanitizer = if watched { "-fsanitize=address" } else { "-O1" };
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(name);
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        let empty = folder.path().join("empty.c");
        std::fs::write(&empty, "int main(void) { return 0; }\n").expect("written");
        let mut trial = Command::new("gcc");
        trial.args([sanitizer, "-o"]).args([&file, &empty]).args(flags.iter().filter(|f| f.starts_with("-l")));
        if !trial.output().is_ok_and(|output| output.status.success()) {
            println!("SKIP: no gcc with {sanitizer} {flags:?}");
            return None;
        }
        let mut gcc = Command::new("gcc");
        gcc.args(["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g", "-O1", sanitizer]);
        gcc.arg("-I").arg(own.join("include")).arg("-o").arg(&file).arg(own.join(format!("tests/c/{name}.c")));
        gcc.arg("-L").arg(library()).args(["-lportrait_ffi", "-lpthread"]).args(flags);
        gcc.arg(format!("-Wl,-rpath,{}", library().display()));
        let output = gcc.output().expect("gcc was there a moment ago");
        assert!(output.status.success(), "{name}.c:\n{}", String::from_utf8_lossy(&output.stderr));
        Some(Self { folder, file })
    }

    /// A picture as the programs read it.
    fn picture(&self, name: &str, rgba: &[u8]) -> PathBuf {
        let file = self.folder.path().join(name);
        std::fs::write(&file, rgba).expect("written");
        file
    }

    /// The bundled portrait.
    fn photo(&self) -> PathBuf {
        let photo = image::open(root("assets/astronaut.png")).expect("the photo").to_rgba8();
        self.picture("photo.rgba", photo.as_raw())
    }

    /// The driver of a stored frame.
    fn driver(&self, name: &str) -> PathBuf {
        let bytes = std::fs::read(root(&format!("tests/fixtures/{name}.safetensors"))).expect("the fixture");
        let file = SafeTensors::deserialize(&bytes).expect("safetensors");
        let rgb = file.tensor("drv").expect("a driver").data();
        let rgba: Vec<u8> = rgb.as_chunks::<3>().0.iter().flat_map(|&[r, g, b]| [r, g, b, 255]).collect();
        self.picture(&format!("{name}.rgba"), &rgba)
    }

    /// Runs the program with these variables set; what it prints.
    fn run(&self, arguments: &[&Path], environment: &[(&str, &str)]) -> String {
        // One at a time: a software driver takes all processors for each.
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut command = Command::new(&self.file);
        let output = command
            .args(arguments)
            .envs(environment.iter().copied())
            .env("LD_LIBRARY_PATH", libraries())
            .env("LSAN_OPTIONS", "exitcode=0")
            .env("ASAN_OPTIONS", "stack_trace_format=\"    #%n %f %S in %m\"")
            .output()
            .expect("the program starts");
        let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
        let (said, leaks) = err.split_once("ERROR: LeakSanitizer").unwrap_or((&err, ""));
        println!("{out}{said}");
        assert!(output.status.success(), "{} failed: {}", self.file.display(), output.status);
        let ours = self.own_leaks(leaks);
        assert!(ours.is_empty(), "leaks:\n{}", ours.join("\n\n"));
        out
    }

    /// Drivers keep some memory until the process ends; who called the allocator says whose a leak is.
    fn own_leaks<'a>(&self, leaks: &'a str) -> Vec<&'a str> {
        let own = [format!(" in {}", self.file.display()), "libportrait_ffi.so".to_owned()];
        let ours = |leak: &&str| {
            let caller = leak.lines().find(|line| line.trim_start().starts_with("#1 "));
            caller.is_some_and(|line| own.iter().any(|module| line.ends_with(module)))
        };
        leaks.split("\n\n").filter(ours).collect()
    }
}

fn weights() -> PathBuf {
    root("weights/portrait_s.safetensors")
}

#[test]
fn photo_to_frames_in_memory() {
    let Some(program) = Program::new("frames", &[], true).filter(|_| device()) else { return };
    let (photo, first, second) = (program.photo(), program.driver("s_frame0"), program.driver("s_frame1"));
    let made = program.folder.path();
    program.run(&[&weights(), &photo, &first, &second, made], &[]);
    if let Some(keep) = std::env::var_os("PORTRAIT_KEEP") {
        for name in ["one", "two"] {
            let rgba = std::fs::read(made.join(format!("{name}.rgba"))).expect("a picture");
            let picture = image::RgbaImage::from_raw(256, 256, rgba).expect("256 × 256");
            picture.save(Path::new(&keep).join(format!("{name}.png"))).expect("saved");
        }
    }
}

/// A display server without a display; ends with the test.
struct Xvfb(Child, String);

impl Xvfb {
    fn start() -> Option<Self> {
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", "800x600x24"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let Ok(mut child) = command.spawn() else {
            println!("SKIP: no Xvfb");
            return None;
        };
        let mut line = String::new();
        // It says which display it serves, as soon as it does.
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        Some(Self(child, format!(":{}", line.trim())))
    }
}

impl Drop for Xvfb {
    fn drop(&mut self) {
        self.0.kill().expect("it was running");
        self.0.wait().expect("it ends");
    }
}

#[test]
fn pictures_in_a_window() {
    let Some(program) = Program::new("window", &["-lX11"], true).filter(|_| device()) else { return };
    let Some(server) = Xvfb::start() else { return };
    let made = program.folder.path();
    let fast = root("weights/portrait_fast.safetensors");
    let arguments: [&Path; 5] = [&weights(), &fast, &program.photo(), &program.driver("s_frame0"), made];
    program.run(&arguments, &[("DISPLAY", &server.1)]);
    if let Some(keep) = std::env::var_os("PORTRAIT_KEEP") {
        let rgb = std::fs::read(made.join("window.rgb")).expect("a picture");
        let picture = image::RgbImage::from_raw(400, 256, rgb).expect("400 × 256");
        picture.save(Path::new(&keep).join("window.png")).expect("saved");
    }
}

#[test]
fn pictures_in_textures_of_the_host() {
    let Some(program) = Program::new("texture", &["-lvulkan"], true).filter(|_| device()) else { return };
    let made = program.folder.path();
    program.run(&[&weights(), &program.photo(), &program.driver("s_frame0"), made], &[]);
    if let Some(keep) = std::env::var_os("PORTRAIT_KEEP") {
        for (name, width) in [("texture0", 256), ("texture1", 400)] {
            let rgba = std::fs::read(made.join(format!("{name}.rgba"))).expect("a picture");
            let picture = image::RgbaImage::from_raw(width, 256, rgba).expect("of that size");
            picture.save(Path::new(&keep).join(format!("{name}.png"))).expect("saved");
        }
    }
}

#[test]
fn nothing_is_copied_into_textures_of_the_host() {
    let Some(program) = Program::new("copies", &["-lvulkan"], false).filter(|_| device()) else { return };
    let folder = program.folder.path();
    let layer = folder.join("libcopies_layer.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/copies_layer.c");
    let mut gcc = Command::new("gcc");
    gcc.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-fvisibility=hidden", "-o"]);
    let output = gcc.args([&layer, &source]).output().expect("gcc was there a moment ago");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let manifest = serde_json::json!({ "file_format_version": "1.1.0", "layer": {
        "name": "VK_LAYER_PORTRAIT_copies",
        "type": "GLOBAL",
        "library_path": layer,
        "api_version": "1.3.0",
        "implementation_version": "1",
        "description": "counts copies",
        "functions": { "vkGetInstanceProcAddr": "copies_instance", "vkGetDeviceProcAddr": "copies_device" },
    }});
    std::fs::write(folder.join("copies.json"), manifest.to_string()).expect("written");
    let folder = folder.to_str().expect("a folder of letters");
    let with = [("VK_LAYER_PATH", folder), ("VK_INSTANCE_LAYERS", "VK_LAYER_PORTRAIT_copies")];
    program.run(&[&weights(), &program.photo(), &program.driver("s_frame0"), &layer], &with);
}

#[test]
fn every_option() {
    let Some(program) = Program::new("options", &["-lm"], true).filter(|_| device()) else { return };
    let cache = program.folder.path().join("cache");
    let fast = root("weights/portrait_fast.safetensors");
    program.run(&[&fast, &program.photo(), &program.driver("s_frame1"), &cache], &[]);
    assert!(std::fs::read_dir(&cache).expect("the folder was made").count() > 0, "what the self-test has found");
}

#[test]
fn misuse_is_a_status() {
    let Some(program) = Program::new("misuse", &[], true).filter(|_| device()) else { return };
    program.run(&[&weights(), &program.photo()], &[]);
}

#[test]
fn threads_at_once() {
    let Some(program) = Program::new("threads", &[], true).filter(|_| device()) else { return };
    let fast = root("weights/portrait_fast.safetensors");
    program.run(&[&fast, &program.photo(), &program.driver("s_frame0")], &[]);
}

#[test]
fn memory_does_not_grow() {
    let Some(program) = Program::new("cycles", &[], false).filter(|_| device()) else { return };
    program.run(&[&weights(), &program.photo(), &program.driver("s_frame0")], &[]);
}

#[test]
fn memory_is_given_back_at_each_level() {
    let Some(program) = Program::new("measure", &[], false).filter(|_| device()) else { return };
    program.run(&[&weights(), &program.photo(), &program.driver("s_frame0")], &[]);
}

/// The check of leaks sees one.
#[test]
#[should_panic(expected = "leaks:")]
fn a_leak_is_seen() {
    let Some(program) = Program::new("leak", &[], true) else {
        panic!("leaks: there is no AddressSanitizer, as printed")
    };
    program.run(&[], &[]);
}

//! The C interface as C programs see it: `tests/c`, compiled by gcc as strictly as it can, run under AddressSanitizer; one under valgrind.

mod device;
mod library;
mod program;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use device::device;
use program::{Program, root, weights};

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

/// Runs a program with the Vulkan layer of the same name between it and the driver, whose file is the last argument.
fn run_with_layer(program: &Program, name: &str, arguments: &[&Path]) {
    let folder = program.folder.path();
    let layer = folder.join(format!("lib{name}_layer.so"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/c/{name}_layer.c"));
    let mut gcc = Command::new("gcc");
    gcc.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-fvisibility=hidden", "-o"]);
    let output = gcc.args([&layer, &source]).output().expect("gcc was there a moment ago");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let manifest = serde_json::json!({ "file_format_version": "1.1.0", "layer": {
        "name": format!("VK_LAYER_PORTRAIT_{name}"),
        "type": "GLOBAL",
        "library_path": layer,
        "api_version": "1.3.0",
        "implementation_version": "1",
        "description": "of a test",
        "functions": {
            "vkGetInstanceProcAddr": format!("{name}_instance"),
            "vkGetDeviceProcAddr": format!("{name}_device"),
        },
    }});
    std::fs::write(folder.join(format!("{name}.json")), manifest.to_string()).expect("written");
    let folder = folder.to_str().expect("a folder of letters");
    let layers = format!("VK_LAYER_PORTRAIT_{name}");
    let with = [("VK_LAYER_PATH", folder), ("VK_INSTANCE_LAYERS", layers.as_str())];
    program.run(&[arguments, &[&layer]].concat(), &with);
}

#[test]
fn nothing_is_copied_into_textures_of_the_host() {
    let Some(program) = Program::new("copies", &["-lvulkan"], false).filter(|_| device()) else { return };
    run_with_layer(&program, "copies", &[&weights(), &program.photo(), &program.driver("s_frame0")]);
}

#[test]
fn a_lost_gpu_is_told_as_one() {
    let Some(program) = Program::new("loss", &["-ldl"], false).filter(|_| device()) else { return };
    let fast = root("weights/portrait_fast.safetensors");
    run_with_layer(&program, "loss", &[&fast, &program.photo(), &program.driver("s_frame0")]);
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
    program.run(&[&weights(), Path::new("s"), &program.photo()], &[]);
}

/// What gcc's sanitizer does not see: the library itself.
#[test]
fn misuse_under_valgrind() {
    let Some(program) = Program::new("misuse", &[], false).filter(|_| device()) else { return };
    let (fast, avatar) = (root("weights/portrait_fast.safetensors"), program.folder.path().join("kept.avatar"));
    let photo = program.photo();
    let arguments = [&fast, Path::new("fast"), &photo, &avatar];
    // Leaves the avatar there.
    program.run(&arguments, &[]);
    program.run_in_valgrind(&arguments);
}

#[test]
#[should_panic(expected = "exit status: 99")]
fn valgrind_sees_what_the_library_reads() {
    let said = Program::new("beyond", &[], false).and_then(|program| program.run_in_valgrind(&[]));
    assert!(said.is_some(), "exit status: 99 is not to be had here, as printed");
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

/// The guide's lines in C, with what a host has by then.
#[test]
fn the_lines_of_the_guide_compile() {
    let guide = std::fs::read_to_string(root("docs/embedding.md")).expect("the guide");
    let pieces = guide.split("```c\n").skip(1).filter_map(|text| text.split("```").next());
    let pieces: Vec<&str> = pieces.collect();
    assert!(pieces.len() > 1, "lines in C");
    let lines = pieces.concat();
    let has = "PortraitFrame photo, PortraitFrame frame, PortraitPicture picture, const int16_t *sound, size_t count, uint64_t now_ns";
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("guide.c");
    std::fs::write(&file, format!("#include \"portrait.h\"\n\nvoid guide({has}) {{\n{lines}}}\n")).expect("written");
    let mut gcc = Command::new("gcc");
    gcc.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I"]);
    let Ok(output) = gcc.arg(root("crates/portrait-ffi/include")).arg(&file).output() else {
        println!("SKIP: no gcc");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
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

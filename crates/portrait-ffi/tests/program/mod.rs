//! Programs of `tests/c`, compiled by gcc as strictly as it can, and run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use super::library::{libraries, library};
use safetensors::SafeTensors;

pub(crate) fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// A compiled program of `tests/c`; `None` (printed) where there is no gcc with AddressSanitizer.
pub(crate) struct Program {
    pub(crate) folder: tempfile::TempDir,
    file: PathBuf,
}

impl Program {
    pub(crate) fn new(name: &str, flags: &[&str], watched: bool) -> Option<Self> {
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
    pub(crate) fn photo(&self) -> PathBuf {
        let photo = image::open(root("assets/astronaut.png")).expect("the photo").to_rgba8();
        self.picture("photo.rgba", photo.as_raw())
    }

    /// The driver of a stored frame.
    pub(crate) fn driver(&self, name: &str) -> PathBuf {
        let bytes = std::fs::read(root(&format!("tests/fixtures/{name}.safetensors"))).expect("the fixture");
        let file = SafeTensors::deserialize(&bytes).expect("safetensors");
        let rgb = file.tensor("drv").expect("a driver").data();
        let rgba: Vec<u8> = rgb.as_chunks::<3>().0.iter().flat_map(|&[r, g, b]| [r, g, b, 255]).collect();
        self.picture(&format!("{name}.rgba"), &rgba)
    }

    /// Runs the program with these variables set; what it prints.
    pub(crate) fn run(&self, arguments: &[&Path], environment: &[(&str, &str)]) -> String {
        self.run_by(Command::new(&self.file), arguments, environment)
    }

    /// Runs it under valgrind, which sees what the library reads and writes as well; what it prints. `None` (printed) where there is
    /// no valgrind.
    #[allow(dead_code, reason = "each file of tests takes these programs in, and one of them runs some like this")]
    pub(crate) fn run_in_valgrind(&self, arguments: &[&Path]) -> Option<String> {
        if Command::new("valgrind").arg("--version").output().is_err() {
            println!("SKIP: no valgrind (apt-get install valgrind libc6-dbg)");
            return None;
        }
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--quiet", "--error-exitcode=99", "--fair-sched=yes", "--num-callers=40"]);
        let theirs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/valgrind.supp");
        valgrind.arg(format!("--suppressions={}", theirs.display())).arg(&self.file);
        Some(self.run_by(valgrind, arguments, &[]))
    }

    fn run_by(&self, mut command: Command, arguments: &[&Path], environment: &[(&str, &str)]) -> String {
        // One at a time: a software driver takes all processors for each.
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
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

pub(crate) fn weights() -> PathBuf {
    root("weights/portrait_s.safetensors")
}

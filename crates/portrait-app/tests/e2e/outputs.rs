//! Outputs that cannot be written.

use std::path::Path;
use std::process::Command;

use crate::common::{Sandbox, animate, astronaut, avatar, frames_of, names, portrait, run};

#[test]
fn equal_to_an_input() {
    let sandbox = Sandbox::new();
    let clip = sandbox.short_clip(2);
    let before = std::fs::read(&clip).unwrap();
    let words = ["is also an input", "choose another name"];
    run(&mut animate(&astronaut(), &clip, &clip)).fails(&sandbox, &words);
    run(&mut animate(&clip, &clip, &clip.with_file_name("../in/driver.mp4"))).fails(&sandbox, &words);
    let linked = sandbox.input("linked.mp4");
    std::fs::hard_link(&clip, &linked).unwrap();
    run(&mut animate(&astronaut(), &clip, &linked)).fails(&sandbox, &words);
    let photo = sandbox.file("me.png", &std::fs::read(astronaut()).unwrap());
    run(portrait().arg("prepare").arg(&photo).arg("-o").arg(&photo)).fails(&sandbox, &words);
    let numbered = sandbox.file("frame_00001.png", &std::fs::read(astronaut()).unwrap());
    run(&mut animate(&numbered, &clip, &sandbox.input("frame_%05d.png"))).fails(&sandbox, &words);
    assert_eq!(std::fs::read(&clip).unwrap(), before);
}

#[test]
fn equal_to_another_output() {
    let sandbox = Sandbox::new();
    let clip = sandbox.short_clip(2);
    let refuse = |output: &str, motion: &str| {
        let mut command = animate(&astronaut(), &clip, &sandbox.output(output));
        let words = [motion.rsplit('/').next().unwrap(), "a name of its own"];
        run(command.arg("--compare").arg("--record-motion").arg(sandbox.output(motion))).fails(&sandbox, &words);
    };
    // Neither is there yet.
    refuse("me.mp4", "me.mp4");
    refuse("me.mp4", "../out/./me.mp4");
    refuse("me.mp4", "me-compare.png");
    refuse("me_%03d.png", "me_007.png");
}

#[test]
fn nowhere_to_write() {
    let sandbox = Sandbox::new();
    let clip = sandbox.short_clip(2);
    let fails = |output: &Path, words: &[&str]| run(&mut animate(&astronaut(), &clip, output)).fails(&sandbox, words);
    fails(&sandbox.output("not/there.mp4"), &["does not exist", "create it first"]);
    fails(&sandbox.output("me.avi"), &["me.avi", "unknown extension", ".mp4"]);
    fails(&sandbox.input("").join("driver.mp4/out.mp4"), &["driver.mp4"]);
    let prepare = |output: &Path| run(portrait().arg("prepare").arg(astronaut()).arg("-o").arg(output));
    prepare(&sandbox.output("not/there.avatar")).fails(&sandbox, &["does not exist", "create it first"]);
    prepare(&sandbox.output("me.png")).fails(&sandbox, &["me.png", "ends in .avatar"]);
    std::fs::create_dir(sandbox.input("taken.mp4")).unwrap();
    fails(&sandbox.input("taken.mp4"), &["taken.mp4", "directory of that name exists"]);
    // The picture of several moments is checked with the video.
    std::fs::create_dir(sandbox.input("me-compare.png")).unwrap();
    let mut compare = animate(&astronaut(), &clip, &sandbox.input("me.mp4"));
    run(compare.arg("--compare")).fails(&sandbox, &["me-compare.png", "directory of that name exists"]);
    assert!(!sandbox.input("me.mp4").exists());
    // A directory with something in it is not taken for frames.
    fails(&sandbox.input(""), &["not empty"]);
    // Nothing can be created there, not even by root.
    if cfg!(target_os = "linux") {
        fails(Path::new("/proc/portrait.mp4"), &["cannot write `/proc/portrait.mp4`"]);
        // Known before any work: before the photo is read.
        let missing = sandbox.input("nobody.png");
        let refuse = |command: &str, output: &str| {
            let words = [&*format!("cannot write `{output}`")];
            run(portrait().arg(command).arg(&missing).args(["-o", output])).fails(&sandbox, &words);
        };
        refuse("prepare", "/proc/portrait.avatar");
        refuse("pose", "/proc/portrait.png");
        let mut motion = animate(&astronaut(), &clip, &sandbox.output("me.mp4"));
        run(motion.args(["--record-motion", "/proc/me.motion"])).fails(&sandbox, &["cannot write `/proc/me.motion`"]);
    }
}

/// A file system of its own, unmounted when dropped.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(directory: &'a Path, bytes: u32) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"]).arg(directory);
        mount.output().is_ok_and(|output| output.status.success()).then_some(Self(directory))
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[test]
fn disk_full() {
    let Some(avatar) = avatar() else { return };
    let sandbox = Sandbox::new();
    let (clip, disk) = (sandbox.short_clip(3), sandbox.input("disk"));
    std::fs::create_dir(&disk).unwrap();
    let Some(_mounted) = Small::mount(&disk, 8192) else {
        println!("SKIP: no right to mount a small file system");
        return;
    };
    for name in ["me.mp4", "me.gif", "frames"] {
        run(&mut animate(avatar, &clip, &disk.join(name))).fails(&sandbox, &[name, "No space left"]);
        assert_eq!(names(&disk), [""; 0]);
    }
    // The motion is written last: the video is there, and told of.
    let (out, motion) = (sandbox.output("me.mp4"), disk.join("me.motion"));
    let clip = sandbox.short_clip(8);
    let outcome = run(animate(avatar, &clip, &out).args(["--json", "--record-motion"]).arg(&motion));
    assert_eq!((outcome.code, &outcome.json()["frames"]), (Some(1), &8.into()), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("me.motion") && outcome.stderr.contains("No space left"), "{}", outcome.stderr);
    assert_eq!((frames_of(&out, 9).len(), names(&disk).len()), (8, 0));
    std::fs::remove_file(out).unwrap();
    let mut prepare = portrait();
    prepare.arg("prepare").arg(astronaut()).arg("-o").arg(disk.join("me.avatar"));
    run(&mut prepare).fails(&sandbox, &["me.avatar", "No space left"]);
    assert_eq!(names(&disk), [""; 0]);
}

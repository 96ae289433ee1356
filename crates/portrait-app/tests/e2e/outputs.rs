//! Outputs that cannot be written.

use std::path::Path;
use std::process::Command;

use crate::common::{Sandbox, animate, astronaut, avatar, names, portrait, run};

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
        let Some(_) = avatar() else { return };
        prepare(Path::new("/proc/portrait.avatar")).fails(&sandbox, &["/proc/portrait.avatar"]);
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
    let mut prepare = portrait();
    prepare.arg("prepare").arg(astronaut()).arg("-o").arg(disk.join("me.avatar"));
    run(&mut prepare).fails(&sandbox, &["me.avatar", "No space left"]);
    assert_eq!(names(&disk), [""; 0]);
}

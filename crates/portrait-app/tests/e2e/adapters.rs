//! Adapters: none, unknown ones, and what `doctor` says.

use crate::common::{Sandbox, animate, astronaut, avatar, portrait, run};

#[test]
fn none() {
    if !cfg!(target_os = "linux") {
        println!("SKIP: only Linux lets a test hide the Vulkan drivers");
        return;
    }
    let sandbox = Sandbox::new();
    let nowhere = sandbox.input("no-driver.json");
    let hide = |command: &mut std::process::Command| {
        run(command.env("VK_ICD_FILENAMES", &nowhere).env("VK_DRIVER_FILES", &nowhere))
    };
    let words = ["no Vulkan or Metal adapter found", "apt-get install mesa-vulkan-drivers"];
    hide(&mut animate(&astronaut(), &sandbox.short_clip(2), &sandbox.output("me.mp4"))).fails(&sandbox, &words);
    let doctor = hide(portrait().arg("doctor"));
    assert_eq!(doctor.code, Some(1));
    assert!(doctor.stdout.contains("adapters: 0") && doctor.stderr.contains(words[0]), "{}", doctor.stderr);
    // What a photo is can be said without a device.
    let info = hide(portrait().arg("info").arg(astronaut())).succeeds();
    assert!(info.stdout.contains("width: 512") && info.stdout.contains("not looked for"), "{}", info.stdout);
}

#[test]
fn unknown() {
    let Some(_) = avatar() else { return };
    let sandbox = Sandbox::new();
    let mut command = animate(&astronaut(), &sandbox.short_clip(2), &sandbox.output("me.mp4"));
    run(command.args(["--adapter", "Voodoo 2"])).fails(&sandbox, &["no adapter matches `Voodoo 2`", "0: "]);
}

const EYE_GAIN: &[&str] = &["animate", "a.png", "--drive", "b.mp4", "-o", "c.mp4", "--eye-gain", "5"];

#[test]
fn usage_errors_have_their_own_exit_code() {
    for arguments in [&["animate"][..], &["animate", "a.png", "--precision", "f64"], EYE_GAIN, &["dance"]] {
        let outcome = run(portrait().args(arguments));
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{}", outcome.stderr);
    }
}

#[test]
fn compiled_pipelines_are_kept_where_asked_and_a_damaged_file_is_no_error() {
    let Some(avatar) = avatar() else { return };
    let sandbox = Sandbox::new();
    let clip = sandbox.short_clip(1);
    let go = |cache: &std::path::Path| {
        run(animate(avatar, &clip, &sandbox.output("me.mp4")).arg("--cache").arg(cache)).succeeds()
    };
    let cache = sandbox.input("cache");
    let files = |kind: &str| -> Vec<_> {
        let all = cache.read_dir().into_iter().flatten().map(|entry| entry.unwrap().path());
        all.filter(|file| file.extension().is_some_and(|e| e == kind)).collect()
    };
    assert!(!go(&cache).stderr.contains("pipeline cache"));
    assert_eq!(files("selftest").len(), 1, "the first start tests the device");
    let [file] = &files("pipelines")[..] else {
        println!("SKIP: this backend keeps no pipelines");
        return;
    };
    let mut bytes = std::fs::read(file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(file, bytes).unwrap();
    let outcome = go(&cache);
    assert!(outcome.stderr.contains("is damaged or no pipeline cache: ignored"), "{}", outcome.stderr);
    assert!(!go(&cache).stderr.contains("pipeline cache"), "the damaged file was replaced");
    assert_eq!((files("pipelines").len(), files("selftest").len()), (1, 1));
}

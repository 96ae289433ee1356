//! Avatar files that cannot be used.

use crate::common::{Sandbox, animate, astronaut, avatar, portrait, run};

#[test]
fn damaged_or_foreign() {
    let Some(avatar) = avatar() else { return };
    let bytes = std::fs::read(avatar).unwrap();
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    let mut newer = bytes.clone();
    newer[8] = 99;
    let cases: [(&[u8], &str); 6] = [
        (&flipped, "checksum"),
        (&bytes[..bytes.len() - 100], "checksum"),
        (&bytes[..20], "truncated"),
        (&newer, "version 99"),
        (b"something else", "does not start like one"),
        (b"", "does not start like one"),
    ];
    let sandbox = Sandbox::new();
    let clip = sandbox.short_clip(2);
    for (bytes, word) in cases {
        let file = sandbox.file("me.avatar", bytes);
        let words = ["me.avatar", word, "portrait prepare"];
        run(&mut animate(&file, &clip, &sandbox.output("me.mp4"))).fails(&sandbox, &words);
    }
    let named = sandbox.file("photo.avatar", &std::fs::read(astronaut()).unwrap());
    run(&mut animate(&named, &clip, &sandbox.output("me.mp4")))
        .fails(&sandbox, &["photo.avatar", "not a usable avatar"]);
}

#[test]
fn already_prepared() {
    let Some(avatar) = avatar() else { return };
    let sandbox = Sandbox::new();
    let mut command = portrait();
    command.arg("prepare").arg(avatar).arg("-o").arg(sandbox.output("me.avatar"));
    run(&mut command).fails(&sandbox, &["is an avatar already"]);
    let mut command = animate(avatar, &sandbox.short_clip(2), &sandbox.output("me.mp4"));
    run(command.args(["--face", "1"])).fails(&sandbox, &["is an avatar and holds one face"]);
}

//! The example without a window, as a process.

use std::io::Write;
use std::process::{Command, Stdio};

use portrait_media::VideoReader;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[test]
fn frames_go_in_and_pictures_come_out() {
    let mut clip = VideoReader::open(format!("{ROOT}/assets/driver.mp4")).expect("the bundled clip");
    let size = format!("{}x{}", clip.info().width, clip.info().height);
    let frames: Vec<u8> =
        (0..5).filter_map(|_| clip.next_frame().expect("readable")).flat_map(|f| f.picture.rgba).collect();
    let mut stream = Command::new(env!("CARGO_BIN_EXE_stream"));
    stream.args([&format!("{ROOT}/assets/astronaut.png"), &size, "25"]);
    let mut child = stream
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example was built");
    let mut input = child.stdin.take().expect("piped");
    let feeder = std::thread::spawn(move || {
        // Half a frame at the end is left out.
        let _ = input.write_all(&frames).and_then(|()| input.write_all(&frames[..100]));
    });
    let output = child.wait_with_output().expect("it ends");
    feeder.join().expect("fed");
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("no Vulkan or Metal adapter found") && std::env::var("PORTRAIT_REQUIRE_GPU").as_deref() != Ok("1")
    {
        println!("SKIP: no adapter");
        return;
    }
    assert!(output.status.success(), "{said}");
    let pictures: Vec<&[u8]> = output.stdout.chunks(4 * 256 * 256).collect();
    assert_eq!(pictures.len(), 5);
    assert!(pictures.iter().all(|picture| picture.len() == 4 * 256 * 256));
    assert_ne!(pictures[0], pictures[4], "the pictures follow the frames");
}

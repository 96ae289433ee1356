//! The example without a window, as a process.

use std::io::{Read, Write};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use portrait_media::VideoReader;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// Bytes of a picture.
const PICTURE: usize = 4 * 256 * 256;
/// How long anything may take: software drivers on busy machines are slow.
const PATIENCE: Duration = Duration::from_secs(300);
/// What is not there by then does not come by itself.
const QUIET: Duration = Duration::from_secs(5);

/// The example at work, and five frames for it.
fn start() -> (Child, Vec<u8>) {
    let mut clip = VideoReader::open(format!("{ROOT}/assets/driver.mp4")).expect("the bundled clip");
    let size = format!("{}x{}", clip.info().width, clip.info().height);
    let frames = (0..5).filter_map(|_| clip.next_frame().expect("readable")).flat_map(|f| f.picture.rgba).collect();
    let mut stream = Command::new(env!("CARGO_BIN_EXE_stream"));
    stream.args([&format!("{ROOT}/assets/astronaut.png"), &size, "25"]);
    let child = stream
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example was built");
    (child, frames)
}

/// Whether it came to its end; not, which is printed, where there is no adapter.
fn ended(output: &Output) -> bool {
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("no Vulkan or Metal adapter found") && std::env::var("PORTRAIT_REQUIRE_GPU").as_deref() != Ok("1")
    {
        println!("SKIP: no adapter");
        return false;
    }
    assert!(output.status.success(), "{said}");
    true
}

#[test]
fn frames_go_in_and_pictures_come_out() {
    let (mut child, frames) = start();
    let mut input = child.stdin.take().expect("piped");
    let feeder = std::thread::spawn(move || {
        // Half a frame at the end is left out.
        let _ = input.write_all(&frames).and_then(|()| input.write_all(&frames[..100]));
    });
    let output = child.wait_with_output().expect("it ends");
    feeder.join().expect("fed");
    if !ended(&output) {
        return;
    }
    let pictures: Vec<&[u8]> = output.stdout.chunks(PICTURE).collect();
    assert_eq!(pictures.len(), 5);
    assert!(pictures.iter().all(|picture| picture.len() == PICTURE));
    assert_ne!(pictures[0], pictures[4], "the pictures follow the frames");
}

#[test]
fn pictures_are_whole_while_the_next_frame_is_waited_for() {
    let (mut child, frames) = start();
    let mut input = child.stdin.take().expect("piped");
    let feeder = std::thread::spawn(move || {
        let _ = input.write_all(&frames);
        input
    });
    let mut output = child.stdout.take().expect("piped");
    let (send, counts) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let (mut part, mut count) = (vec![0; PICTURE], 0);
        while let Ok(length @ 1..) = output.read(&mut part) {
            count += length;
            let _ = send.send(count);
        }
    });
    let (mut count, mut waited) = (0, Duration::ZERO);
    let whole = loop {
        match counts.recv_timeout(QUIET) {
            Ok(more) => (count, waited) = (more, Duration::ZERO),
            // It ended, for a reason that is told below.
            Err(RecvTimeoutError::Disconnected) => break false,
            Err(RecvTimeoutError::Timeout) if count > 0 && count % PICTURE == 0 => break true,
            Err(RecvTimeoutError::Timeout) => waited += QUIET,
        }
        if waited >= PATIENCE {
            break false;
        }
    };
    drop(feeder.join().expect("fed"));
    let rest = child.wait_with_output().expect("it ends");
    reader.join().expect("read");
    if ended(&rest) {
        assert!(whole, "{count} bytes came while the input was open, of pictures of {PICTURE}");
    }
}

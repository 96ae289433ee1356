//! Memory does not grow with the clip.

mod common;

use common::{moving, write_moving};
use portrait_media::{VideoReader, VideoWriter};

/// Peak resident memory of this process in megabytes, where the system tells.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

/// Alone in its process, because other tests would add to the peak.
#[test]
fn a_minute_of_video_streams() {
    let Some(_) = peak() else {
        println!("skipped: this system does not tell the peak memory of a process");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let (long, copy) = (dir.path().join("long.mp4"), dir.path().join("copy.mp4"));
    // 60 s at 25 fps and 160 × 120: 115 MB as pixels.
    write_moving(&long, 160, 120, 25.0, 1500);
    let start = peak().unwrap();
    let mut reader = VideoReader::open(&long).unwrap();
    let mut writer = VideoWriter::create(&copy, 160, 120, 25.0).unwrap();
    let mut frames = 0;
    while let Some(frame) = reader.next_frame().unwrap() {
        writer.push(&frame.picture).unwrap();
        frames += 1;
    }
    writer.finish().unwrap();
    assert_eq!(frames, 1500);
    let grown = peak().unwrap() - start;
    assert!(grown < 20, "reading and writing a minute took {grown} MB more");
    // The measure can fail: holding the frames would show.
    let held: Vec<_> = (0..400).map(|t| moving(160, 120, t)).collect();
    assert!(peak().unwrap() - start > 20, "{}", held.len());
}

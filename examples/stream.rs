//! A stream of frames in, a stream of pictures out: raw RGBA from standard input to standard output, without a window.
//!
//! ```sh
//! ffmpeg -i talk.mp4 -f rawvideo -pix_fmt rgba - \
//!     | cargo run -p portrait-examples --bin stream -- me.jpg 1280x720 25 \
//!     | ffplay -f rawvideo -pixel_format rgba -video_size 256x256 -framerate 25 -
//! ```
//!
//! Pictures come back while later frames are on their way: nothing waits for the GPU but the end, and memory does not grow.

use std::io::{self, ErrorKind, Read, Write};

use anyhow::{Context, Result};
use portrait_runtime::{Engine, EngineOptions, Frame, Picture, SessionOptions, WeightsSource};

const WEIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../weights/portrait_s.safetensors");

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [photo, size, rate] = arguments.as_slice() else {
        anyhow::bail!("usage: stream PHOTO WIDTHxHEIGHT FRAMES_PER_SECOND < frames > pictures");
    };
    let (width, height) = size.split_once('x').context("the size is written like 1280x720")?;
    let (width, height): (u32, u32) = (width.parse()?, height.parse()?);
    let step = 1.0 / rate.parse::<f32>()?;

    let engine = Engine::open(&EngineOptions::new(WeightsSource::File(WEIGHTS.into())))?;
    let photo = portrait_media::load_photo(photo)?;
    let photo = Frame { width: photo.width, height: photo.height, rgba: &photo.rgba };
    let avatar = engine.prepare(photo, &Default::default())?;
    let mut session = engine.session(&avatar, &SessionOptions::new(width, height))?;

    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut rgba = vec![0; 4 * width as usize * height as usize];
    loop {
        match input.read_exact(&mut rgba) {
            Ok(()) => {}
            Err(end) if end.kind() == ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error.into()),
        }
        while !session.has_room() {
            if let Some(picture) = session.take_picture(true)? {
                hand_on(&mut output, &picture)?;
            }
        }
        session.animate(Frame { width, height, rgba: &rgba }, step)?;
        while let Some(picture) = session.take_picture(false)? {
            hand_on(&mut output, &picture)?;
        }
    }
    while let Some(picture) = session.take_picture(true)? {
        hand_on(&mut output, &picture)?;
    }
    Ok(())
}

/// Standard output keeps the end of what it is given until there is more, and the next picture may take its time.
fn hand_on(output: &mut impl Write, picture: &Picture) -> io::Result<()> {
    output.write_all(&picture.rgba)?;
    output.flush()
}

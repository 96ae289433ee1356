//! The engine as a library: what README.md shows. Run in the root of the repository.

use portrait_media::{Picture, save_png};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let last = animate()?.ok_or("the clip has no frames")?;
    save_png("library.png", &Picture::new(last.width, last.height, last.rgba)?)?;
    println!("library.png: the last frame");
    Ok(())
}

fn animate() -> Result<Option<portrait_runtime::Picture>, Box<dyn std::error::Error>> {
    // README
    use portrait_runtime::{Engine, EngineOptions, Frame, SessionOptions, WeightsSource};

    let engine = Engine::open(&EngineOptions::new(WeightsSource::File("weights/portrait_s.safetensors".into())))?;
    let photo = portrait_media::load_photo("assets/astronaut.png")?;
    let frame = Frame { width: photo.width, height: photo.height, rgba: &photo.rgba };
    let avatar = engine.prepare(frame, &Default::default())?;
    let mut clip = portrait_media::VideoReader::open("assets/driver.mp4")?;
    let mut session = engine.session(&avatar, &SessionOptions::new(clip.info().width, clip.info().height))?;
    let mut last = None;
    while let Some(driver) = clip.next_frame()? {
        let (width, height) = (driver.picture.width, driver.picture.height);
        session.animate(Frame { width, height, rgba: &driver.picture.rgba }, 1.0 / 25.0)?;
        last = session.take_picture(true)?; // or `session.texture()`, which never leaves the GPU
    }
    // README
    Ok(last)
}

//! `portrait animate`: a photo and a clip, or speech, become a video.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::ProgressBar;
use portrait_media::{AudioTrack, MediaError, Picture, VideoWriter, check_target, save_png};
use portrait_runtime::{Engine, FaceChoice, Idle, MotionFrame, RecordedMotion, Session, SessionOptions};

use crate::compare::Compare;
use crate::driver::{Driver, Look, look_ahead};
use crate::engine::{EngineArgs, slowness};
use crate::framing::{FacesArgs, FramingArgs};
use crate::motion_options::MotionArgs;
use crate::report::Report;
use crate::source::{Prepared, Source, media_picture};
use crate::{console, interrupt, output};

/// Pictures on their way from the GPU.
const IN_FLIGHT: usize = 3;

/// Animates a photo, or an avatar made of one, with the face in a video or with speech
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  portrait animate me.jpg --drive talk.mp4 -o me-talking.mp4 --compare
  portrait animate me.jpg --drive speech.wav -o me-saying-it.mp4

The kind of output follows from its name:
  OUT.mp4          H.264, with the sound of the clip, or the speech: AAC as it is, all else without loss (FLAC)
  OUT.gif          GIF
  OUT/             a directory of PNG frames, also NAME_%05d.png

Ctrl-C ends early and leaves a playable file; the exit code then is 130. A second Ctrl-C ends at once and
leaves no result. A clip that breaks off gives a result up to there, an error, and exit code 1.")]
pub(crate) struct Animate {
    /// The photo (PNG, JPEG, WebP, GIF), or an avatar made by `portrait prepare`
    #[arg(value_name = "PHOTO|FILE.avatar")]
    source: PathBuf,
    /// What drives. A clip: MP4 or MOV with H.264, GIF; anything else where ffmpeg is installed. Speech: WAV, MP3, FLAC, Ogg Vorbis, M4A;
    /// anything else, as voice messages in Opus, where ffmpeg is installed. Or a recorded .motion
    #[arg(long, value_name = "CLIP|SOUND|FILE.motion")]
    drive: PathBuf,
    /// The video to write
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Speech: which motion head and eyes make meanwhile; each number is another one, and always the same
    #[arg(long, value_name = "N", default_value_t = 0)]
    idle_seed: u64,
    #[command(flatten)]
    motion: MotionArgs,
    #[command(flatten)]
    framing: FramingArgs,
    /// Also write the driver's motion, numbers only; it drives any photo later
    #[arg(long, value_name = "FILE.motion")]
    record_motion: Option<PathBuf>,
    /// Also write OUT-compare.png: source | driver | result at several moments
    #[arg(long)]
    compare: bool,
    #[command(flatten)]
    faces: FacesArgs,
    #[command(flatten)]
    engine: EngineArgs,
    /// Print one JSON object on stdout at the end, and nothing else
    #[arg(long)]
    json: bool,
}

impl Animate {
    pub(crate) fn run(mut self) -> Result<ExitCode> {
        interrupt::listen()?;
        self.framing = self.framing.of(self.faces.faces())?;
        let compare_path = self.compare.then(|| output::compare_path(&self.output));
        self.check_names(compare_path.as_deref())?;
        let mut driver = Driver::open(&self.drive)?;
        driver.move_as(Idle { seed: self.idle_seed });
        let source = Source::read(&self.source)?;
        // A name that cannot be written to should be known before the work: this leaves nothing behind.
        let size @ [width, height] = self.framing.dimensions(source.photo(), &self.source)?;
        let audio = driver.audio();
        let losses = self.losses(&VideoWriter::create(&self.output, width, height, driver.fps())?, size, &audio);
        self.record_motion.as_deref().map_or(Ok(()), check_target)?;
        compare_path.as_deref().map_or(Ok(()), check_target)?;

        let start = Instant::now();
        let spinner = console::spinner("preparing the portrait");
        let engine = self.engine.open()?;
        if let Some(slowness) = slowness(engine.gpu(), &self.engine.preset) {
            spinner.suspend(|| console::note(slowness));
        }
        let told = engine.gpu().warnings().len();
        let prepared = source.prepare(&engine, &self.source, self.faces.faces())?;
        let mut warnings = prepared.warnings();
        warnings.extend(losses);
        if self.faces.driver() != FaceChoice::Largest {
            let why =
                [(driver.is_motion(), "a recorded motion holds one face"), (driver.is_voice(), "speech has no face")];
            let why = why.into_iter().filter(|(is, _)| *is);
            warnings.extend(why.map(|(_, why)| format!("{why}: --driver-face does nothing")));
        }
        let mut session = self.session(&engine, &prepared, &driver)?;
        warnings.extend(engine.gpu().warnings().into_iter().skip(told));
        if interrupt::requested() {
            return Ok(nothing_written(&spinner));
        }
        spinner.set_message("looking for the driver's face");
        self.look_ahead(&mut session)?;
        spinner.finish_and_clear();
        warnings.iter().for_each(console::warning);
        let prepare_seconds = start.elapsed().as_secs_f64();

        let compare = self.compare.then(|| Compare::new(&prepared.picture()));
        let start = Instant::now();
        let mut render = Render {
            session,
            output: Output { path: &self.output, fps: driver.fps(), audio: audio.ok().flatten(), writer: None },
            compare,
            waiting: VecDeque::with_capacity(IN_FLIGHT + 1),
            gpu_seconds: Mean::default(),
            motion: Vec::new(),
            bar: console::bar(driver.len()),
            broken: None,
        };
        let clip_frames = driver.len();
        render.run(&mut driver)?;
        render.bar.finish_and_clear();
        let Some(writer) = render.output.writer else {
            return Ok(nothing_written(&render.bar));
        };
        let (frames, lost_frames) = (writer.frames(), lost_frames(&render.session) + driver.lost());
        let size = writer.size();
        let sheet = render.compare.as_ref().and_then(Compare::picture);
        // What one of them fails at does not lose the others.
        let video = writer.finish();
        let animate_seconds = start.elapsed().as_secs_f64();
        let sheet = compare_path.as_deref().zip(sheet).map(|(path, sheet)| save_png(path, &sheet));
        let motion = self.record_motion.as_deref().map(|path| -> Result<()> {
            Ok(RecordedMotion { neutral: render.session.neutral()?, frames: render.motion }.save(path)?)
        });
        // What is told is about the video.
        video?;

        if lost_frames > 0 {
            let lost = format!(
                "the driver's face was not found in {lost_frames} of {frames} frames; the last pose was held there"
            );
            console::warning(&lost);
            warnings.push(lost);
        }
        let adapter = engine.gpu().adapter();
        let info = prepared.avatar().info();
        let interrupted = interrupt::requested() && clip_frames != Some(frames);
        let report = Report {
            output: self.output.clone(),
            compare: compare_path.filter(|_| matches!(sheet, Some(Ok(())))),
            size,
            frames,
            clip_frames,
            interrupted,
            truncated: render.broken.is_some(),
            lost_frames,
            adapter: adapter.name.clone(),
            backend: adapter.backend.clone(),
            tier: engine.gpu().tier().name(),
            preset: info.preset.clone(),
            prepare_seconds,
            animate_seconds,
            gpu_seconds: render.gpu_seconds.value(),
            session: render.session.stats(),
            warnings,
        };
        report.print(self.json);
        let holds = format!("; `{}` holds the {frames} frames before the break", self.output.display());
        let broken = render.broken.map(|error| console::chain(&error) + &holds);
        let unsaved = [sheet.map(|saved| saved.map_err(anyhow::Error::from)), motion].into_iter().flatten();
        let unsaved = unsaved.filter_map(Result::err).map(|error| console::chain(&error));
        let faults: Vec<String> = broken.into_iter().chain(unsaved).collect();
        if !faults.is_empty() {
            bail!(faults.join("; "));
        }
        Ok(if interrupted { ExitCode::from(interrupt::EXIT_CODE) } else { ExitCode::SUCCESS })
    }

    fn check_names(&self, compare: Option<&Path>) -> Result<()> {
        let mut inputs = vec![self.source.as_path(), self.drive.as_path()];
        inputs.extend(self.engine.weights.as_deref());
        inputs.extend(self.framing.inputs());
        self.framing.check_output(&self.output)?;
        let outputs = [Some(self.output.as_path()), compare, self.record_motion.as_deref()];
        let outputs: Vec<&Path> = outputs.into_iter().flatten().collect();
        outputs.iter().try_for_each(|output| output::refuse_inputs(output, &inputs))?;
        output::refuse_equal(&outputs)
    }

    /// What the video will not have of photo and clip, and the way out.
    fn losses(
        &self,
        video: &VideoWriter,
        [width, height]: [u32; 2],
        audio: &Result<Option<AudioTrack>, MediaError>,
    ) -> Vec<String> {
        let [w, h] = video.size();
        let scaled = ([w, h] != [width, height]).then(|| {
            format!(
                "MP4 has no pictures of {width}×{height}: they are scaled down to {w}×{h}; PNG frames keep their size"
            )
        });
        let clip = self.drive.display();
        let mute = audio.as_ref().err().filter(|_| video.takes_audio());
        let mute = mute.map(|error| format!("the sound of `{clip}` is left out: {error}"));
        scaled.into_iter().chain(mute).collect()
    }

    fn session(&self, engine: &Engine, prepared: &Prepared, driver: &Driver) -> Result<Session> {
        let [width, height] = driver.size();
        let (mut motion, record) = (self.motion.options(), self.record_motion.is_some());
        if driver.is_voice() {
            // What is made of sound does not tremble, and lips that are smoothed come late.
            motion.filter = None;
        }
        let driver_face = self.faces.driver();
        let options = SessionOptions { motion, driver_face, record, ..SessionOptions::new(width, height) };
        let options = self.framing.session(options, prepared.photo.as_ref(), &self.source)?;
        prepared.session(engine, &self.source, &options)
    }

    /// Looks at the start of the clip: there must be a face, and the moment that is most like the photo is what motion is
    /// measured from.
    fn look_ahead(&self, session: &mut Session) -> Result<()> {
        let Look { moments, time } = look_ahead(session, &self.drive, interrupt::requested)?;
        if moments > 0 && lost_frames(session) == moments && !interrupt::requested() {
            bail!(
                "no face{} found in the first {:.1} s of `{}`; start the clip where a face looks at the camera and \
                 fills at least a fifth of the picture",
                if matches!(self.faces.driver(), FaceChoice::Index(2..)) { " of that number" } else { "" },
                time.as_secs_f32(),
                self.drive.display()
            );
        }
        session.restart();
        Ok(())
    }
}

fn lost_frames(session: &Session) -> u64 {
    session.status().map_or(0, |status| status.frames_without_face)
}

/// The end of a run that was interrupted before its first picture.
fn nothing_written(progress: &ProgressBar) -> ExitCode {
    progress.finish_and_clear();
    console::warning("interrupted before the first frame; nothing was written");
    ExitCode::from(interrupt::EXIT_CODE)
}

/// A frame whose picture is not there yet.
struct Waiting {
    timestamp: Duration,
    /// The driving frame, where the picture of several moments may show it.
    driver: Option<Picture>,
}

/// From driving frames to a written video.
struct Render<'a> {
    session: Session,
    output: Output<'a>,
    compare: Option<Compare>,
    waiting: VecDeque<Waiting>,
    gpu_seconds: Mean,
    /// The driver's points, where they are recorded.
    motion: Vec<MotionFrame>,
    bar: ProgressBar,
    /// Why the clip breaks off after pictures that are good.
    broken: Option<anyhow::Error>,
}

impl Render<'_> {
    /// Animates until the clip ends or the user ends it; pictures are written while later ones are made.
    fn run(&mut self, driver: &mut Driver) -> Result<()> {
        let mut submitted = 0;
        while !interrupt::requested() {
            let moment = match driver.next() {
                Ok(Some(next)) => next,
                Ok(None) => break,
                // Ctrl-C also ends an ffmpeg that reads the clip for us.
                Err(_) if interrupt::requested() => break,
                // Nothing of what the reader could give is lost.
                Err(error) if submitted > 0 => {
                    self.broken = Some(error);
                    break;
                }
                Err(error) => return Err(error),
            };
            moment.drive.animate(&mut self.session, moment.step)?;
            let shown = self.compare.as_ref().is_some_and(|compare| compare.may_show(submitted));
            let driver = shown.then(|| moment.drive.into_picture());
            self.waiting.push_back(Waiting { timestamp: moment.timestamp, driver });
            submitted += 1;
            while let Some(picture) = self.session.take_picture(!self.session.has_room())? {
                self.write(picture)?;
            }
            self.motion.extend(self.session.take_motion());
        }
        while !self.waiting.is_empty() {
            let picture = self.session.take_picture(true)?.context("a picture did not come back from the GPU")?;
            self.write(picture)?;
        }
        self.session.finish()?;
        self.motion.extend(self.session.take_motion());
        Ok(())
    }

    fn write(&mut self, picture: portrait_runtime::Picture) -> Result<()> {
        let picture = media_picture(picture);
        let Some(waiting) = self.waiting.pop_front() else { return Ok(()) };
        self.output.push(&picture, waiting.timestamp)?;
        if let Some(compare) = &mut self.compare {
            compare.push(waiting.driver.as_ref(), &picture);
        }
        self.gpu_seconds.add(self.session.stats().gpu_seconds);
        self.bar.inc(1);
        self.bar.set_message(format!("{:.1}", self.bar.per_sec()));
        Ok(())
    }
}

/// A video that is started with its first picture.
struct Output<'a> {
    path: &'a Path,
    fps: f64,
    audio: Option<AudioTrack>,
    writer: Option<VideoWriter>,
}

impl Output<'_> {
    fn push(&mut self, picture: &Picture, timestamp: Duration) -> Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let mut writer = VideoWriter::create(self.path, picture.width, picture.height, self.fps)?;
                if let Some(audio) = self.audio.take() {
                    writer.set_audio(audio)?;
                }
                none.insert(writer)
            }
        };
        Ok(writer.push_at(picture, timestamp)?)
    }
}

/// A mean of what is known.
#[derive(Default)]
struct Mean {
    sum: f64,
    count: u32,
}

impl Mean {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sum += value;
            self.count += 1;
        }
    }

    fn value(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }
}

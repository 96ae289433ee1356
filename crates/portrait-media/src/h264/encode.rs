//! The encoder.

use openh264::encoder::{
    BitRate, Encoder, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, Profile, QpRange, RateControlMode,
    UsageType, VuiConfig,
};
use openh264::formats::YUVSource;
use openh264::{OpenH264API, Timestamp};

use super::nal;
use crate::Picture;
use crate::color::{ColorSpec, Matrix, Yuv420};

/// The longest side that openh264 encodes.
pub(crate) const MAX_LONG_SIDE: u32 = 3840;
/// The longest shorter side that openh264 encodes.
pub(crate) const MAX_SHORT_SIDE: u32 = 2160;
/// The shortest side that openh264 encodes.
pub(crate) const MIN_SIDE: u32 = 16;

/// Encodes pictures one by one; no frame is held back, none is reordered.
pub(crate) struct H264Encoder {
    encoder: Encoder,
    planes: Yuv420,
    color: ColorSpec,
    fps: f64,
    frames: u64,
    /// The coded frame, 4-byte lengths before each NAL unit.
    sample: Vec<u8>,
    sps: Vec<u8>,
    pps: Vec<u8>,
}

impl H264Encoder {
    /// For pictures of `width` × `height` at `fps`. Odd sizes grow by one repeated column or row.
    pub(crate) fn new(width: u32, height: u32, fps: f64) -> Result<Self, openh264::Error> {
        let planes = Yuv420::new(width.next_multiple_of(2) as usize, height.next_multiple_of(2) as usize);
        // Said in the stream, and the same as players assume where they do not look.
        let color = ColorSpec::unmarked(height);
        let vui = match color.matrix {
            Matrix::Bt601 => VuiConfig::bt601(),
            _ => VuiConfig::bt709(),
        };
        // Constant quality, for the bits that it takes: a face shows every block, and small pictures are
        // looked at enlarged. openh264 has no such mode by name; its buffer-based one, free of bit-rate
        // targets, holds the lower end of the range and never drops a frame.
        let quantiser = match planes.width * planes.height {
            0..=100_000 => 21,
            100_001..=500_000 => 22,
            _ => 24,
        };
        let config = EncoderConfig::new()
            .usage_type(UsageType::CameraVideoRealTime)
            .rate_control_mode(RateControlMode::Bufferbased)
            .bitrate(BitRate::from_bps(5_000_000))
            .max_frame_rate(FrameRate::from_hz(fps.clamp(1.0, 60.0) as f32))
            .qp(QpRange::new(quantiser, quantiser + 2))
            .profile(Profile::High)
            .intra_frame_period(IntraFramePeriod::from_num_frames((fps * 4.0).clamp(12.0, 250.0) as u32))
            .skip_frames(false)
            .background_detection(false)
            .adaptive_quantization(false)
            .num_threads(1)
            .vui(vui);
        let encoder = Encoder::with_api_config(OpenH264API::from_source(), config)?;
        let (sample, sps, pps) = Default::default();
        Ok(Self { encoder, planes, color, fps, frames: 0, sample, sps, pps })
    }

    /// Encodes a picture: the coded frame, and whether it decodes by itself.
    pub(crate) fn encode(&mut self, picture: &Picture) -> Result<(&[u8], bool), openh264::Error> {
        self.planes.fill(picture, self.color);
        let millis = (self.frames as f64 * 1000.0 / self.fps) as u64;
        self.frames += 1;
        let stream = self.encoder.encode_at(&self.planes, Timestamp::from_millis(millis))?;
        let sync = stream.frame_type() == FrameType::IDR;
        self.sample.clear();
        let bytes = stream.to_vec();
        for unit in nal::split(&bytes) {
            match unit.first().map_or(0, |header| header & 0x1f) {
                7 => self.sps = unit.to_vec(),
                8 => self.pps = unit.to_vec(),
                _ => {
                    self.sample.extend_from_slice(&(unit.len() as u32).to_be_bytes());
                    self.sample.extend_from_slice(unit);
                }
            }
        }
        if self.sample.is_empty() {
            return Err(openh264::Error::msg("the encoder dropped a frame"));
        }
        Ok((&self.sample, sync))
    }

    /// Sequence and picture parameter set, known after the first frame.
    pub(crate) fn parameter_sets(&self) -> (&[u8], &[u8]) {
        (&self.sps, &self.pps)
    }

    pub(crate) fn color(&self) -> ColorSpec {
        self.color
    }

    /// Coded width and height: even.
    pub(crate) fn coded_size(&self) -> (u32, u32) {
        (self.planes.width as u32, self.planes.height as u32)
    }
}

impl YUVSource for Yuv420 {
    fn dimensions(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    fn strides(&self) -> (usize, usize, usize) {
        (self.width, self.width / 2, self.width / 2)
    }

    fn y(&self) -> &[u8] {
        &self.y
    }

    fn u(&self) -> &[u8] {
        &self.u
    }

    fn v(&self) -> &[u8] {
        &self.v
    }
}

//! The decoder, with its output matched to times of presentation.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use openh264::OpenH264API;
use openh264::decoder::{DecodedYUV, Decoder, DecoderConfig, Flush};
use openh264::formats::YUVSource;

use crate::Picture;
use crate::color::{ColorSpec, Planes, to_rgba};

/// A picture and when it is shown, in the ticks it was fed with.
pub(crate) struct Decoded {
    pub(crate) pts: i64,
    pub(crate) picture: Picture,
}

/// Decodes coded pictures in decoding order to pictures in order of presentation.
///
/// openh264 returns pictures in display order but forgets their times, so the times of the pictures
/// inside it are kept here and the smallest goes with each picture that comes out.
pub(crate) struct H264Decoder {
    decoder: Decoder,
    color: ColorSpec,
    times: BinaryHeap<Reverse<i64>>,
    ready: VecDeque<Decoded>,
}

impl H264Decoder {
    pub(crate) fn new(color: ColorSpec) -> Result<Self, openh264::Error> {
        // Flushing after each picture would undo the reordering.
        let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
        let decoder = Decoder::with_api_config(OpenH264API::from_source(), config)?;
        Ok(Self { decoder, color, times: BinaryHeap::new(), ready: VecDeque::new() })
    }

    /// Feeds one coded picture with start codes. An error leaves the pictures before it to be taken.
    pub(crate) fn feed(&mut self, annex_b: &[u8], pts: i64) -> Result<(), openh264::Error> {
        let decoded = self.decoder.decode(annex_b)?;
        self.times.push(Reverse(pts));
        emit(decoded, self.color, &mut self.times, &mut self.ready);
        Ok(())
    }

    /// Says that the stream has ended: what is still held back becomes ready.
    pub(crate) fn finish(&mut self) {
        // An empty packet is openh264's end of stream; an error here has nothing left to tell.
        if let Ok(decoded) = self.decoder.decode(&[]) {
            emit(decoded, self.color, &mut self.times, &mut self.ready);
        }
        for decoded in self.decoder.flush_remaining().unwrap_or_default() {
            emit(Some(decoded), self.color, &mut self.times, &mut self.ready);
        }
    }

    /// Whether there is a picture to be taken.
    pub(crate) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The next picture in order of presentation.
    pub(crate) fn take(&mut self) -> Option<Decoded> {
        self.ready.pop_front()
    }
}

fn emit(
    decoded: Option<DecodedYUV<'_>>,
    color: ColorSpec,
    times: &mut BinaryHeap<Reverse<i64>>,
    ready: &mut VecDeque<Decoded>,
) {
    let (Some(yuv), Some(Reverse(pts))) = (decoded, times.peek().copied()) else { return };
    times.pop();
    let (width, height) = yuv.dimensions();
    let (y_stride, uv_stride, _) = yuv.strides();
    let planes = Planes { width, height, y: yuv.y(), u: yuv.u(), v: yuv.v(), y_stride, uv_stride };
    ready.push_back(Decoded { pts, picture: to_rgba(&planes, color) });
}

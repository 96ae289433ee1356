//! What joins the networks in a frame: crops, decoding, tracking, transfer, and the buffers they share.

use crate::camera_frame::CameraFrame;
use crate::error::EngineError;
use crate::frozen::{Compiled, Resource, Resources};
use crate::gpu::Gpu;
use crate::nets::{MERGE, Refiner, square};
use crate::options::SessionOptions;
use crate::orient::Orientation;
use crate::photo::PRESENT;
use portrait_graph::{Graph, Program, TensorKind};
use portrait_kernels::{
    Border, Crop, DecodeFace, FrameLayout, Kernel, RefineCrops, RefinePoints, Track, Transfer, TransferControl,
    UnpackFrame, WantedFace,
};
use portrait_models::{DETECTOR_SIZE, MESH_POINTS, MESH_SIZE, Preset, facial_points};
use std::sync::Arc;

/// Programs of one kernel each, compiled or not; they depend on the driver's frame size, and carry no weights.
pub(crate) struct Glue<P = Arc<Compiled>> {
    /// A camera's bytes to the frame, where they are not that already.
    pub(crate) unpack: P,
    /// Whole frame to the detector's input.
    pub(crate) search: P,
    /// Detector's output to the tracked region.
    pub(crate) decode: P,
    /// Tracked region to the mesh's input.
    pub(crate) look: P,
    /// Mesh to facial points, next region and status.
    pub(crate) track: P,
    /// Eyes and mouth to the refiner's input.
    pub(crate) refiner_look: P,
    /// Portrait crop to the neural-keypoint network's input.
    pub(crate) neural_look: P,
    /// Points through filter and transfer to the merger's input.
    pub(crate) transfer: P,
}

impl Glue {
    pub(crate) fn new(gpu: &Gpu, options: &SessionOptions, preset: &Preset) -> Result<Self, EngineError> {
        Self::programs(options, preset, |program| Compiled::new(gpu, program))
    }
}

impl<P> Glue<P> {
    /// Each program through `compile`.
    pub(crate) fn programs(
        options: &SessionOptions,
        preset: &Preset,
        compile: impl Fn(Program) -> P,
    ) -> Result<Self, EngineError> {
        let frame = options.frame;
        let [w, h] = frame;
        // Samples per output pixel, so that reducing a large frame does not alias.
        let taps = |from: u32, to: u32| from.div_ceil(to).clamp(1, 4);
        let crop = |side: u32, taps: u32, scale: f32, offset: f32, border: Border| {
            Arc::new(Crop { frame, size: [side; 2], taps, scale, offset, border })
        };
        let one = |name: &str, kernel: Arc<dyn Kernel>, inputs: &[Named<'_>], outputs: &[Named<'_>]| {
            let mut g = Graph::new(name);
            let inputs: Vec<_> = inputs.iter().map(|(n, k)| g.external(n, *k)).collect();
            let outputs: Vec<_> = outputs.iter().map(|(n, k)| g.external(n, *k)).collect();
            g.kernel_into(name, kernel, &inputs, &outputs);
            Ok::<_, EngineError>(compile(g.build()?))
        };
        let texture = ("frame", TensorKind::Texture(frame));
        let floats = TensorKind::Floats;
        let (roi, region) = (("roi", floats(4)), ("crop", floats(4)));
        let raw = ("raw_facial", floats(212));
        let state = ("state", floats(Transfer::STATE_LEN as u32));
        let control = ("control", floats(TransferControl::LEN as u32));
        let (status, facial) = (("status", floats(4)), ("facial", floats(FACIAL)));
        let detector = crop(DETECTOR_SIZE, taps(w.max(h), DETECTOR_SIZE), 2.0, -1.0, Border::Zero);
        let nk = preset.nk.input;
        let mut base = [0; 40];
        base.copy_from_slice(&facial_points().base40);
        let track = Track {
            frame,
            mesh_size: MESH_SIZE,
            image: preset.image,
            threshold: PRESENT,
            whole_frame: options.whole_frame,
        };
        let unpack = UnpackFrame { size: frame };
        Ok(Self {
            unpack: one(
                "unpack",
                Arc::new(unpack),
                &[("packed", floats(unpack.bytes() / 4)), ("layout", floats(FrameLayout::LEN as u32))],
                &[texture],
            )?,
            search: one(
                "search",
                detector,
                &[texture, ("whole", floats(4))],
                &[("detector_input", square(3, DETECTOR_SIZE))],
            )?,
            decode: one(
                "decode",
                Arc::new(DecodeFace { frame }),
                &[
                    ("boxes16", square(32, 16)),
                    ("scores16", square(2, 16)),
                    ("boxes8", square(96, 8)),
                    ("scores8", square(6, 8)),
                    ("wanted", floats(4)),
                ],
                &[roi, ("found", floats(4))],
            )?,
            look: one(
                "look",
                crop(MESH_SIZE, 1, 1.0, 0.0, Border::Zero),
                &[texture, roi],
                &[("mesh_input", square(3, MESH_SIZE))],
            )?,
            track: one(
                "track",
                Arc::new(track),
                &[("mesh_points", floats(3 * MESH_POINTS)), ("mesh_score", floats(4)), ("indices", floats(108))],
                &[roi, region, status, raw],
            )?,
            refiner_look: one(
                "refiner_look",
                Arc::new(RefineCrops { frame, image: preset.image }),
                &[texture, region, raw],
                &[("refiner_input", TensorKind::Feature(RefineCrops::OUTPUT))],
            )?,
            neural_look: one(
                "neural_look",
                crop(nk, taps(w.min(h), nk), 1.0, 0.0, Border::Clamp),
                &[texture, region],
                &[("keypoints_input", square(3, nk))],
            )?,
            transfer: one(
                "transfer",
                Arc::new(Transfer { base }),
                &[
                    facial,
                    ("neural", floats(100)),
                    ("source_keypoints", floats(Transfer::SOURCE_LEN as u32)),
                    control,
                    status,
                ],
                &[state, ("merge", MERGE)],
            )?,
        })
    }
}

type Named<'a> = (&'a str, TensorKind);

/// Coordinates of the facial points with the irises.
const FACIAL: u32 = 2 * RefinePoints::POINTS as u32;

/// Buffers and textures that outlive a program: inputs, state, and what one program hands to the next.
#[derive(Debug)]
pub(crate) struct SessionBuffers {
    frame: wgpu::Texture,
    /// A camera's bytes, and where in them the pixels are.
    packed: wgpu::Buffer,
    layout: wgpu::Buffer,
    pub(crate) picture: wgpu::Texture,
    pub(crate) status: wgpu::Buffer,
    pub(crate) roi: wgpu::Buffer,
    /// Which face the search is to find, and what it found.
    wanted: wgpu::Buffer,
    pub(crate) found: wgpu::Buffer,
    crop: wgpu::Buffer,
    pub(crate) facial: wgpu::Buffer,
    pub(crate) neural: wgpu::Buffer,
    control: wgpu::Buffer,
    /// Handed from program to program, by name.
    links: Vec<(&'static str, wgpu::Buffer)>,
}

impl SessionBuffers {
    pub(crate) fn new(gpu: &Gpu, frame: [u32; 2], preset: &Preset, refiner: &Refiner) -> Self {
        use wgpu::TextureUsages as U;
        let floats = |name: &str, len: usize| gpu.storage(name, 4 * len);
        let tier = gpu.tier();
        let feature = |channels, side| square(channels, side).bytes(tier);
        let float_bytes = |len: usize| 4 * len;
        let indices: Vec<f32> = facial_points().indices.iter().map(|&i| i as f32).chain([0.0; 2]).collect();
        let [w, h] = frame.map(|v| v as f32);
        let whole = [0.5 * w, 0.5 * h, w.max(h), 0.0];
        let links: Vec<(&'static str, wgpu::Buffer)> = [
            ("detector_input", feature(3, DETECTOR_SIZE)),
            ("boxes16", feature(32, 16)),
            ("scores16", feature(2, 16)),
            ("boxes8", feature(96, 8)),
            ("scores8", feature(6, 8)),
            ("mesh_input", feature(3, MESH_SIZE)),
            ("mesh_points", float_bytes(3 * MESH_POINTS as usize)),
            ("mesh_score", float_bytes(4)),
            ("keypoints_input", feature(3, preset.nk.input)),
            ("merge", float_bytes(Transfer::OUT_LEN)),
            ("driving", float_bytes(2 * preset.keypoints.neural as usize)),
            ("flow", float_bytes(4 * (preset.image * preset.image) as usize)),
            ("indices", float_bytes(indices.len())),
            ("whole", float_bytes(4)),
            ("raw_facial", float_bytes(212)),
            ("refiner_input", TensorKind::Feature(RefineCrops::OUTPUT).bytes(tier)),
            ("refiner_map", float_bytes(refiner.map.len())),
        ]
        .map(|(name, bytes)| (name, gpu.storage(name, bytes)))
        .into();
        for (name, values) in [("indices", indices.as_slice()), ("whole", &whole), ("refiner_map", &refiner.map)] {
            if let Some((_, buffer)) = links.iter().find(|(n, _)| *n == name) {
                gpu.queue.write_buffer(buffer, 0, bytemuck::cast_slice(values));
            }
        }
        Self {
            frame: gpu.texture("driving frame", frame, U::TEXTURE_BINDING | U::COPY_DST | U::STORAGE_BINDING),
            packed: gpu.storage("driving frame, packed", UnpackFrame { size: frame }.bytes() as usize),
            layout: floats("driving frame, layout", FrameLayout::LEN),
            picture: gpu.texture("picture", [preset.image; 2], U::STORAGE_BINDING | U::TEXTURE_BINDING | U::COPY_SRC),
            status: floats("status", 4),
            roi: floats("roi", 4),
            wanted: floats("wanted", 4),
            found: floats("found", 4),
            crop: floats("crop", 4),
            facial: floats("facial", FACIAL as usize),
            neural: floats("neural", 100),
            control: floats("control", TransferControl::LEN),
            links,
        }
    }

    /// All of them by the names the programs use.
    pub(crate) fn resources(&self) -> Resources {
        let named = [
            ("packed", &self.packed),
            ("layout", &self.layout),
            ("status", &self.status),
            ("roi", &self.roi),
            ("wanted", &self.wanted),
            ("found", &self.found),
            ("crop", &self.crop),
            ("facial", &self.facial),
            ("neural", &self.neural),
            ("control", &self.control),
        ];
        let links = self.links.iter().map(|(n, b)| (*n, b));
        let mut all: Resources =
            named.into_iter().chain(links).map(|(n, b)| (n.to_owned(), Resource::Buffer(b.clone()))).collect();
        all.insert("frame".to_owned(), Resource::texture(&self.frame));
        all.insert("picture".to_owned(), Resource::texture(&self.picture));
        all
    }

    pub(crate) fn read_floats(&self, gpu: &Gpu, name: &str) -> Result<Vec<f32>, EngineError> {
        let (_, buffer) = self.links.iter().find(|(n, _)| *n == name).expect("a link of this name");
        Ok(bytemuck::pod_collect_to_vec(&gpu.read(buffer, buffer.size() as usize)?))
    }

    /// Uploads a frame that is upright RGBA already.
    pub(crate) fn write_frame(&self, gpu: &Gpu, rgba: &[u8]) {
        gpu.write_texture(&self.frame, rgba);
    }

    /// Uploads the bytes of any other frame, for the program `unpack`.
    pub(crate) fn write_packed(
        &self,
        gpu: &Gpu,
        frame: &CameraFrame<'_>,
        orientation: Orientation,
    ) -> Result<(), EngineError> {
        gpu.queue.write_buffer(&self.layout, 0, bytemuck::bytes_of(&frame.layout(orientation)));
        let len = frame.packed_len();
        let size = wgpu::BufferSize::new(len.next_multiple_of(4) as u64);
        let view = size.and_then(|size| gpu.queue.write_buffer_with(&self.packed, 0, size));
        let mut view =
            view.ok_or_else(|| EngineError::Device(format!("no memory to upload a frame of {len} bytes")))?;
        let mut at = 0;
        for row in frame.rows() {
            view.slice(at..at + row.len()).copy_from_slice(row);
            at += row.len();
        }
        view.slice(at..).copy_from_slice(&[0; 3][..len.next_multiple_of(4) - len]);
        Ok(())
    }

    /// Which face the next search is to find. The portrait crop is laid anew around a face that nobody has followed so far.
    pub(crate) fn write_wanted(&self, gpu: &Gpu, wanted: WantedFace, anew: bool) {
        gpu.queue.write_buffer(&self.wanted, 0, bytemuck::bytes_of(&wanted.to_floats()));
        if anew {
            gpu.queue.write_buffer(&self.crop, 0, &[0; 16]);
        }
    }

    pub(crate) fn write_control(&self, gpu: &Gpu, control: TransferControl) {
        gpu.queue.write_buffer(&self.control, 0, bytemuck::cast_slice(&control.to_floats()));
    }

    /// Points given by the host, as the tracker and the keypoint network would leave them.
    pub(crate) fn write_keypoints(&self, gpu: &Gpu, facial: &[[f32; 2]], neural: &[[f32; 2]]) {
        let mut unit = [0.0f32; 100];
        for (to, from) in unit.iter_mut().zip(neural.as_flattened()) {
            *to = 0.5 * (from + 1.0);
        }
        gpu.queue.write_buffer(&self.facial, 0, bytemuck::cast_slice(facial));
        gpu.queue.write_buffer(&self.neural, 0, bytemuck::cast_slice(&unit));
        gpu.queue.write_buffer(&self.status, 0, bytemuck::cast_slice(&[1.0f32, 1.0, 0.0, 0.0]));
    }

    /// Forgets where the face was.
    pub(crate) fn restart(&self, gpu: &Gpu) {
        for buffer in [&self.status, &self.roi, &self.crop] {
            gpu.queue.write_buffer(buffer, 0, &[0; 16]);
        }
    }
}

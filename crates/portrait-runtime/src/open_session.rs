//! Opening a session: everything that frames need is created here.

use crate::avatar::Avatar;
use crate::engine::{Engine, encode};
use crate::error::EngineError;
use crate::framing::Stage;
use crate::frozen::{Arena, Compiled, Frozen, Resource, Resources};
use crate::glue::{Glue, SessionBuffers};
use crate::motion::Points;
use crate::nets::{MOUTH, square};
use crate::options::{SessionOptions, SessionStats};
use crate::session::{OwnFace, Session};
use crate::sitter::Sitter;
use portrait_graph::TensorKind;
use portrait_kernels::{Transfer, TransferControl, convex_hull_area};
use portrait_models::FacialPoints;
use std::sync::Arc;

impl Engine {
    /// Starts a session. Creates everything that frames need; after this nothing is created.
    ///
    /// # Errors
    /// An avatar of other weights, a driver's face 0, frames without pixels ([`EngineError::FrameEmpty`]), a photo that is not the
    /// avatar's, a side of pictures below the networks' or beyond the device's ([`EngineError::PictureSide`]), frames or a photo larger than
    /// the device allows, or a failing device.
    pub fn session(&self, avatar: &Avatar, options: &SessionOptions) -> Result<Session, EngineError> {
        self.session_of(&[avatar], options)
    }

    /// Starts a session in which one driver moves several people of one photo ([`Engine::prepare_all`]), each from its own neutral
    /// pose. Pictures show the whole photo: [`crate::Framing::Photo`].
    ///
    /// # Errors
    /// As [`Engine::session`]; no avatar, or several in another framing.
    pub fn session_of(&self, avatars: &[&Avatar], options: &SessionOptions) -> Result<Session, EngineError> {
        let gpu = &self.gpu;
        if avatars.is_empty() {
            return Err(EngineError::NoFace);
        }
        avatars.iter().try_for_each(|avatar| self.check_avatar(avatar))?;
        options.driver_face.check_driver()?;
        let [width, height] = options.frame;
        if width == 0 || height == 0 {
            return Err(EngineError::FrameEmpty { width, height });
        }
        gpu.frame_limit().check(options.frame)?;
        let stage = Stage::new(gpu, options, avatars, &self.preset)?;
        let pastes = stage.as_ref().map_or(&[][..], |stage| &stage.pastes);
        let buffers = SessionBuffers::new(gpu, options.frame, &self.preset, &self.nets.refiner);
        let glue = Glue::new(gpu, options, &self.preset)?;

        let nets = &self.nets;
        let unpack = [&glue.unpack];
        let search = [&glue.search, &nets.detector, &glue.decode];
        let refine = [&glue.refiner_look, &nets.refiner.program];
        let track = [&glue.look, &nets.mesh, &glue.track, refine[0], refine[1], &glue.neural_look, &nets.keypoints];
        let transfer = [&glue.transfer, &nets.merger];
        let driver = unpack.iter().chain(&search).chain(&track);
        let all: Vec<&Compiled> = driver
            .chain(&transfer)
            .copied()
            .chain([&nets.render])
            .chain(pastes.iter().map(|paste| &paste.program))
            .map(|compiled| &**compiled)
            .collect();
        let arena = Arena::new(gpu, &all);
        let freeze = |list: &[&Arc<Compiled>], externals: &Resources| {
            list.iter().map(|c| Frozen::new(gpu, c, &arena, externals)).collect::<Result<Vec<_>, _>>()
        };
        let shared = buffers.resources();
        let (unpack, search, track) = (freeze(&unpack, &shared)?, freeze(&search, &shared)?, freeze(&track, &shared)?);
        let mut sitters = Vec::with_capacity(avatars.len());
        for (i, avatar) in avatars.iter().enumerate() {
            let mut externals = shared.clone();
            let size = self.upload_avatar(avatar, &mut externals)?;
            let state = gpu.storage("state", 4 * Transfer::STATE_LEN);
            externals.insert("state".to_owned(), Resource::Buffer(state.clone()));
            let paste = match (&stage, pastes.get(i)) {
                (Some(stage), Some(paste)) => {
                    let textures = paste.inputs.iter().map(|(name, texture)| (*name, texture));
                    for (name, texture) in textures.chain([("canvas", &stage.canvas)]) {
                        externals.insert(name.to_owned(), Resource::texture(texture));
                    }
                    Some(Frozen::new(gpu, &paste.program, &arena, &externals)?)
                }
                _ => None,
            };
            let transfer = freeze(&transfer, &externals)?;
            let render = Frozen::new(gpu, &nets.render, &arena, &externals)?;
            let cuts = ["warp", "compose"].map(|label| nets.render.position(label));
            sitters.push(Sitter { state, size, transfer, render, cuts, paste });
        }
        gpu.save_cache();

        let count = |list: &[Frozen]| list.iter().map(Frozen::dispatches).sum::<usize>();
        let keypoint_dispatches = sitters.iter().map(Sitter::dispatches).sum();
        let macs = |list: &[&Arc<Compiled>]| list.iter().map(|c| c.program.macs()).sum::<u64>();
        let stats = SessionStats {
            avatars: avatars.len(),
            dispatches: count(&track) + keypoint_dispatches,
            search_dispatches: count(&search),
            keypoint_dispatches,
            macs: macs(&[&nets.mesh, &nets.refiner.program, &nets.keypoints])
                + avatars.len() as u64 * macs(&[&nets.merger, &nets.render]),
            arena_bytes: arena.bytes(),
            bytes_without_reuse: all.iter().map(|c| c.plan.bytes_without_reuse).sum(),
            weight_bytes: all.iter().map(|c| c.program.constant_bytes(gpu.tier())).sum(),
            upload_bytes: 4 * (width * height) as usize + 4 * TransferControl::LEN,
            gpu_seconds: None,
            gpu_stages: None,
        };
        let shown = stage.map_or_else(|| buffers.picture.clone(), |stage| stage.canvas);
        let own = OwnFace { points: avatars[0].points(), model: nets.face.clone() };
        Ok(Session::new(gpu, options, buffers, (sitters, own), shown, [unpack, search, track], stats))
    }

    /// Whether an avatar is this engine's.
    ///
    /// # Errors
    /// [`EngineError::AvatarWeights`]; [`EngineError::AvatarFormat`] for a picture of another size, which a file may claim all the same.
    pub(crate) fn check_avatar(&self, avatar: &Avatar) -> Result<(), EngineError> {
        let expected = (self.preset.name.as_str(), self.weights_id());
        let found = (avatar.info.preset.as_str(), avatar.info.weights.as_str());
        if expected == found {
            let (image, needed) = (avatar.info.image, self.preset.image);
            if image == needed {
                return Ok(());
            }
            let origin = "the avatar".to_owned();
            let reason = format!("its picture is {image} × {image}, preset {} needs {needed} × {needed}", expected.0);
            return Err(EngineError::AvatarFormat { origin, reason });
        }
        // The names of a file may be anything.
        let name = |(preset, weights): (&str, &str)| {
            format!("preset {preset}, weights {}", weights.chars().take(12).collect::<String>())
        };
        Err(EngineError::AvatarWeights { expected: name(expected), found: name(found) })
    }

    /// Uploads what the frame path reads of an avatar, and returns the size of its face: the square root of its hull area.
    fn upload_avatar(&self, avatar: &Avatar, externals: &mut Resources) -> Result<f32, EngineError> {
        let (n, side) = (self.preset.motion, self.preset.image);
        let floats = |len: usize| TensorKind::Floats(len as u32);
        let (face, facial, neural) = (&self.nets.face, &avatar.facial, avatar.neural.as_flattened());
        let (depth, relief) = (face.depth_of(facial), face.relief(facial));
        let source = Transfer::source(facial.as_flattened(), neural, &depth, &FacialPoints::STIFF, &relief);
        let size = convex_hull_area(&avatar.facial[..Points::MESH]).sqrt();
        let tensors: [(&str, TensorKind, Vec<f32>); 9] = [
            ("source_points", floats(100), avatar.mixed.as_flattened().to_vec()),
            ("source_keypoints", floats(Transfer::SOURCE_LEN), source),
            ("source_pins", floats(2 * Transfer::PINS), Transfer::pins(&avatar.facial).into_flattened()),
            ("source_small", square(3, n), avatar.small_feature(n)),
            ("source", square(4, side), avatar.source_feature()),
            ("background", square(4, side), avatar.background_feature()),
            ("mouth", MOUTH, self.mouth_of(avatar)),
            ("motion_bias", square(self.preset.dense_motion.stem, n), avatar.motion_bias.clone()),
            ("view_bias", TensorKind::Feature(self.preset.synthesis_bottleneck()), avatar.view_bias.clone()),
        ];
        for (name, kind, values) in tensors {
            if values.len() != kind.len() {
                return Err(EngineError::AvatarFormat {
                    origin: "the avatar".to_owned(),
                    reason: format!(
                        "`{name}` holds {} values, preset {} needs {}",
                        values.len(),
                        self.preset.name,
                        kind.len()
                    ),
                });
            }
            let buffer = self.gpu.storage(name, kind.bytes(self.gpu.tier()));
            self.gpu.queue.write_buffer(&buffer, 0, &encode(&self.gpu, kind, &values));
            externals.insert(name.to_owned(), Resource::Buffer(buffer));
        }
        Ok(size)
    }
}

//! Every variant of every shader: valid, translated to SPIR-V and MSL, within the limits of phones, and unchanged in size.
//!
//! A new kernel adds an instance per variant to [`examples`]. After an intended change: `UPDATE_SNAPSHOTS=1 cargo test -p
//! portrait-kernels --test shaders` rewrites `snapshots/shaders.txt`. No GPU is needed.

use naga::back::pipeline_constants::process_overrides;
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Expression, Handle, ImageClass, Module, ShaderStage, StorageAccess, Type, TypeInner};
use portrait_kernels::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Instances that together use every shader file with every define.
fn examples() -> Vec<Box<dyn Kernel>> {
    let act = Activation::Relu;
    let input = [64, 64, 64];
    let mut list: Vec<Box<dyn Kernel>> = vec![
        Box::new(AddFeatures { input, act: Activation::None }),
        Box::new(CeilingCopy { length: 64 }),
        Box::new(CeilingFma { length: 64, rounds: 2 }),
        Box::new(ConvTranspose2x2 { input, outputs: 16, act }),
        Box::new(Crop { frame: [64, 48], size: [32, 32], taps: 2, scale: 1.0, offset: 0.0, border: Border::Zero }),
        Box::new(DecodeFace { frame: [64, 48] }),
        Box::new(FindRims { motion: 16, size: 64, sigma: 0.02 }),
        Box::new(GlobalAverage { input }),
        Box::new(MaxPool { input, kernel: 3, stride: 2, pad: [1; 4] }),
        Box::new(MotionCombine { size: 64, groups: 10 }),
        Box::new(MotionInput { size: 64, groups: 10, keypoints: 50, variance: 0.01 }),
        Box::new(ResizeBilinear { input, height: 32, width: 32 }),
        Box::new(PinFlow { motion: 16, size: 64, sigma: 0.02, softness: 0.02 }),
        Box::new(RefineCrops { frame: [64, 48], image: 256 }),
        Box::new(RefinePoints),
        Box::new(ScaleChannels { input }),
        Box::new(TpsSolve { groups: 10, reg: 0.01 }),
        Box::new(Track { frame: [64, 48], mesh_size: 192, image: 256, threshold: 0.5, whole_frame: false }),
        Box::new(Transfer { base: [0; 40] }),
        Box::new(UnpackFrame { size: [64, 48] }),
    ];
    for fold in [1, 2] {
        list.push(Box::new(Compose { size: 64, fold }));
        list.push(Box::new(Warp { size: 64, fold }));
    }
    for matte in [false, true] {
        let (origin, canvas, edges) = ([8, 4], [128, 96], [Some(0.0); 4]);
        list.push(Box::new(Paste { size: 64, canvas, side: 90, origin, fade: 9.0, edges, matte }));
    }
    // Of the segmentation, which only the preparation of a photo runs.
    let hard = Activation::HardSwish;
    for (kernel, stride) in [(1, 1), (3, 2)] {
        let (input, pad) = ([64, 128, 128], [kernel / 2; 4]);
        list.push(Box::new(Conv {
            input,
            outputs: 64,
            kernel,
            stride,
            pad,
            upsample: false,
            residual: None,
            act: hard,
        }));
    }
    list.push(Box::new(Depthwise { input, kernel: 3, stride: 1, pad: [1; 4], residual: None, act: hard }));
    list.push(Box::new(ConvTranspose2x2 { input, outputs: 1, act: Activation::Sigmoid }));
    for residual in [false, true] {
        let features = residual.then_some(64);
        // What presets use (`portrait-runtime/tests/budget.rs` looks).
        for act in [Activation::None, Activation::Relu, Activation::Prelu] {
            for (kernel, stride, upsample) in [(3, 1, false), (3, 2, false), (1, 1, false), (5, 1, false), (3, 1, true)]
            {
                let pad = [kernel / 2; 4];
                let residual = features;
                for outputs in [64, 4] {
                    let input = [64, 128, 128];
                    list.push(Box::new(Conv { input, outputs, kernel, stride, pad, upsample, residual, act }));
                }
                // Deep layers: split or not, their weights stored as halves or not.
                for (side, outputs) in
                    [(2, 512), (4, 64), (4, 128), (4, 512), (8, 4), (8, 128), (8, 512), (16, 64), (16, 512)]
                {
                    let input = [512, side, side];
                    list.push(Box::new(Conv { input, outputs, kernel, stride, pad, upsample, residual, act }));
                }
            }
            for stride in [1, 2] {
                list.push(Box::new(Separable { input, outputs: 64, stride, act }));
            }
        }
        list.push(Box::new(Depthwise { input, kernel: 3, stride: 1, pad: [1; 4], residual: features, act }));
        for act in [Activation::None, Activation::Relu, Activation::Sigmoid] {
            for float_input in [false, true] {
                list.push(Box::new(FullyConnected { input, outputs: 64, float_input, residual, act }));
            }
        }
    }
    list
}

/// Shaders that index a function-local array by a variable. Keep it empty where it is hot: the Pixel 5 got such code wrong.
const LOCAL_INDEX_ALLOWED: &[&str] = &[];

/// A variant: what has to be the same for the same pipeline.
type Variants = BTreeMap<ShaderKey, (Vec<Binding>, usize)>;

fn variants() -> Variants {
    let mut all = Variants::new();
    for kernel in examples() {
        for tier in Tier::ALL {
            for profile in DeviceProfile::ALL {
                let dispatch = kernel.dispatch(tier, &profile);
                all.insert(dispatch.shader, (kernel.bindings(), dispatch.params.len()));
            }
        }
    }
    all
}

fn label(key: &ShaderKey) -> String {
    let mut text = key.file.to_string();
    for define in &key.defines {
        write!(text, "+{define}").expect("a String takes everything");
    }
    for (name, value) in &key.overrides {
        write!(text, " {name}={value}").expect("a String takes everything");
    }
    format!("{text} {}", key.tier)
}

/// The shader as a device gets it: overrides resolved.
fn module(key: &ShaderKey) -> (Module, ModuleInfo) {
    let source = key.source();
    let fail = |what: String| -> ! { panic!("{}:\n{what}", label(key)) };
    let parsed =
        naga::front::wgsl::parse_str(&source).unwrap_or_else(|e| fail(e.emit_to_string_with_path(&source, key.file)));
    let mut capabilities = Capabilities::default() | Capabilities::SHADER_FLOAT16_IN_FLOAT32;
    if key.tier == Tier::F16 {
        capabilities |= Capabilities::SHADER_FLOAT16;
    }
    let info = Validator::new(ValidationFlags::all(), capabilities)
        .validate(&parsed)
        .unwrap_or_else(|e| fail(e.emit_to_string_with_path(&source, key.file)));
    let constants = key.overrides.iter().map(|&(n, v)| (n.to_string(), f64::from(v))).collect();
    let (module, info) = process_overrides(&parsed, &info, Some((ShaderStage::Compute, "main")), &constants)
        .unwrap_or_else(|e| fail(e.to_string()));
    (module.into_owned(), info.into_owned())
}

#[test]
fn every_file_has_an_example() {
    let files: BTreeSet<String> = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shaders"))
        .expect("shaders/")
        .filter_map(|e| e.expect("shaders/").file_name().to_str()?.strip_suffix(".wgsl").map(String::from))
        .collect();
    let table: BTreeSet<String> = shader_names().map(String::from).collect();
    assert_eq!(files, table, "shaders/ (left) and the table in shader.rs (right) differ");
    let used: BTreeSet<String> = variants().keys().map(|k| k.file.to_string()).collect();
    assert_eq!(table, used, "shader.rs (left) and examples() in tests/shaders.rs (right) differ");
}

#[test]
fn limits_and_bindings() {
    for (key, (bindings, params)) in variants() {
        let (module, _) = module(&key);
        let label = label(&key);
        let [entry] = module.entry_points.as_slice() else { panic!("{label}: one entry point") };
        assert_eq!(entry.name, "main", "{label}");
        assert!(entry.workgroup_size.iter().product::<u32>() <= 256, "{label}: workgroup {:?}", entry.workgroup_size);
        // What drivers get wrong: near-square workgroups (Adreno 840, executorch #22328), workgroup atomics (Mali, wgpu #8643).
        assert!(!matches!(entry.workgroup_size, [8, 8, _] | [4, 16, _]), "{label}: {:?}", entry.workgroup_size);
        assert!(!module.types.iter().any(|(_, ty)| matches!(ty.inner, TypeInner::Atomic(_))), "{label}: an atomic");
        let (mut workgroup, mut storage) = (0, 0);
        let mut seen = BTreeMap::new();
        for (_, global) in module.global_variables.iter() {
            match global.space {
                AddressSpace::WorkGroup => workgroup += module.types[global.ty].inner.size(module.to_ctx()),
                AddressSpace::Storage { .. } => storage += 1,
                _ => {}
            }
            if let Some(at) = global.binding {
                assert_eq!(at.group, 0, "{label}");
                seen.insert(at.binding, (global.space, global.ty));
            }
        }
        assert!(workgroup <= 16 * 1024, "{label}: {workgroup} bytes of workgroup memory");
        assert!(storage <= 7, "{label}: {storage} storage buffers");
        let numbers: Vec<u32> = seen.keys().copied().collect();
        assert_eq!(numbers, (0..=bindings.len() as u32).collect::<Vec<_>>(), "{label}: bindings");
        let (space, ty) = seen[&0];
        assert_eq!(space, AddressSpace::Uniform, "{label}: binding 0");
        assert_eq!(module.types[ty].inner.size(module.to_ctx()) as usize, params, "{label}: bytes of parameters");
        for (i, binding) in bindings.iter().enumerate() {
            let (space, ty) = seen[&(i as u32 + 1)];
            let found = format!(
                "{label}: binding {} is {space:?} {:?}, expected {:?}",
                i + 1,
                module.types[ty].inner,
                binding.kind
            );
            assert!(kind_matches(&module, binding.kind, key.tier, space, ty), "{found}");
        }
    }
}

fn kind_matches(module: &Module, kind: Bind, tier: Tier, space: AddressSpace, ty: Handle<Type>) -> bool {
    let inner = &module.types[ty].inner;
    let read = AddressSpace::Storage { access: StorageAccess::LOAD };
    let write = AddressSpace::Storage { access: StorageAccess::LOAD | StorageAccess::STORE };
    let element = |of: Handle<Type>| match module.types[of].inner {
        TypeInner::Vector { size, scalar } => (size as u32, scalar),
        TypeInner::Scalar(scalar) => (1, scalar),
        _ => (0, naga::Scalar::BOOL),
    };
    let array = |features: Option<Tier>| match inner {
        TypeInner::Array { base, .. } if features.is_some() => {
            let wanted = match features.unwrap_or(tier) {
                Tier::F32 => (4, naga::Scalar::F32),
                Tier::F16Packed => (2, naga::Scalar::U32),
                Tier::F16 => (4, naga::Scalar::F16),
            };
            element(*base) == wanted
        }
        // Floats may be any array or struct of 32-bit values.
        TypeInner::Array { base, .. } => element(*base).1.width == 4 || element(*base).0 == 0,
        TypeInner::Struct { .. } => features.is_none(),
        _ => false,
    };
    match (kind, inner) {
        (Bind::Feature, _) => space == read && array(Some(tier)),
        (Bind::Halves, _) => space == read && array(Some(tier.halved())),
        (Bind::FeatureOut, _) => space == write && array(Some(tier)),
        (Bind::Floats, _) => space == read && array(None),
        (Bind::FloatsOut, _) => space == write && array(None),
        (Bind::Texture, TypeInner::Image { dim, arrayed, class }) => {
            let sampled = ImageClass::Sampled { kind: naga::ScalarKind::Float, multi: false };
            *dim == naga::ImageDimension::D2 && !arrayed && *class == sampled
        }
        (Bind::TextureOut, TypeInner::Image { class, .. }) => {
            *class == ImageClass::Storage { format: naga::StorageFormat::Rgba8Unorm, access: StorageAccess::STORE }
        }
        _ => false,
    }
}

/// The first local array that is indexed by a variable.
fn dynamic_local_index(module: &Module) -> Option<String> {
    let functions = module.functions.iter().map(|f| f.1).chain(module.entry_points.iter().map(|e| &e.function));
    functions.into_iter().find_map(|f| {
        f.expressions.iter().find_map(|(_, expression)| {
            let Expression::Access { base, index } = *expression else { return None };
            let Expression::LocalVariable(local) = f.expressions[base] else { return None };
            let local = &f.local_variables[local];
            let is_array = matches!(module.types[local.ty].inner, TypeInner::Array { .. });
            let constant = matches!(f.expressions[index], Expression::Literal(_) | Expression::Constant(_));
            (is_array && !constant).then(|| format!("{:?} of {:?}", local.name, f.name))
        })
    })
}

/// lavapipe compiles a shader anew for each value of a parameter that alone decides a branch, and keeps every copy: `track`
/// grew by 0.23 MiB a dispatch. `select` costs nothing.
#[test]
fn no_branch_on_a_parameter_alone() {
    // Numbers, and constants by their names.
    let fixed = |word: &str| word.starts_with(char::is_numeric) || !word.contains(char::is_lowercase);
    let offends = |line: &str| {
        let condition =
            line.trim().trim_start_matches("} else ").strip_prefix("if ").map(|c| c.trim_end_matches('{').trim());
        let words = |c: &str| {
            c.split(|ch: char| !(ch.is_alphanumeric() || ch == '.' || ch == '_')).map(str::to_owned).collect()
        };
        condition.map_or_else(Vec::new, words).iter().all(|w: &String| w.starts_with("p.") || fixed(w))
            && condition.is_some_and(|c| c.contains("p."))
    };
    assert!(
        offends("    if p.whole_frame != 0u {") && offends("    } else if p.a < p.b {") && offends("if p.a > MOST {")
    );
    assert!(!offends("    if o >= p.out_slices { return; }") && !offends("    if found & (p.a > 0u) {"));
    for (name, text) in shader_texts() {
        let found = text.lines().position(offends);
        assert!(found.is_none(), "{name}.wgsl:{}: branch on a parameter alone", found.unwrap_or(0) + 1);
    }
}

#[test]
fn no_dynamic_index_into_local_arrays() {
    for key in variants().into_keys().filter(|k| !LOCAL_INDEX_ALLOWED.contains(&k.file)) {
        assert_eq!(dynamic_local_index(&module(&key).0), None, "{}: local array indexed by a variable", label(&key));
    }
    let bad = "@compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
        var a: array<f32, 4>; a[id.x] = 1.0; }";
    let bad = naga::front::wgsl::parse_str(bad).expect("valid WGSL");
    assert!(dynamic_local_index(&bad).is_some(), "the check sees nothing");
}

/// SPIR-V as Vulkan 1.1 takes it.
fn spirv(module: &Module, info: &ModuleInfo, stage: ShaderStage, name: &str) -> Result<Vec<u32>, String> {
    let options = naga::back::spv::Options {
        lang_version: (1, 3),
        flags: naga::back::spv::WriterFlags::empty(),
        ..Default::default()
    };
    let entry = naga::back::spv::PipelineOptions { shader_stage: stage, entry_point: name.into() };
    naga::back::spv::write_vec(module, info, &options, Some(&entry)).map_err(|e| e.to_string())
}

/// What spirv-val of Vulkan 1.1 says to this module; `None` where there is no spirv-val.
fn spirv_val(words: &[u32]) -> Option<Result<(), String>> {
    let mut command = Command::new("spirv-val");
    command
        .args(["--target-env", "vulkan1.1", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().ok()?;
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    child.stdin.take().expect("a pipe").write_all(&bytes).expect("spirv-val reads");
    let output = child.wait_with_output().expect("spirv-val ends");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    Some(if output.status.success() { Ok(()) } else { Err(said) })
}

#[test]
fn khronos_validator_accepts_every_variant() {
    for key in variants().into_keys() {
        let (module, info) = module(&key);
        let words = spirv(&module, &info, ShaderStage::Compute, "main");
        let words = words.unwrap_or_else(|e| panic!("{}: {e}", label(&key)));
        match spirv_val(&words) {
            None => return println!("SKIP: no spirv-val (apt-get install spirv-tools)"),
            Some(said) => said.unwrap_or_else(|said| panic!("{}: {said}", label(&key))),
        }
    }
    // A module whose first instruction names an opcode that does not exist.
    let broken = [0x0723_0203, 0x0001_0300, 0, 8, 0, 0x0001_FFFF];
    assert!(spirv_val(&broken).is_none_or(|said| said.is_err()), "the check sees nothing");
}

/// What draws on screens: no kernels, and no variants.
#[test]
fn shaders_for_surfaces_are_valid_and_translated() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shaders/surface");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).expect("shaders/surface/") {
        let file = entry.expect("shaders/surface/").path();
        let name = file.display().to_string();
        let source = std::fs::read_to_string(&file).expect("a text");
        let fail = |what: String| -> ! { panic!("{name}:\n{what}") };
        let module =
            naga::front::wgsl::parse_str(&source).unwrap_or_else(|e| fail(e.emit_to_string_with_path(&source, &name)));
        let info = Validator::new(ValidationFlags::all(), Capabilities::default())
            .validate(&module)
            .unwrap_or_else(|e| fail(e.emit_to_string_with_path(&source, &name)));
        for stage in [ShaderStage::Vertex, ShaderStage::Fragment] {
            let entry = module.entry_points.iter().find(|entry| entry.stage == stage).expect("a shader of both stages");
            let words = spirv(&module, &info, stage, &entry.name).unwrap_or_else(|e| fail(e));
            match spirv_val(&words) {
                None => println!("SKIP: no spirv-val (apt-get install spirv-tools)"),
                Some(said) => said.unwrap_or_else(|said| fail(said)),
            }
            let options = naga::back::msl::Options { lang_version: (2, 4), ..Default::default() };
            let entry = Some((stage, entry.name.clone()));
            let entry = naga::back::msl::PipelineOptions { entry_point: entry, ..Default::default() };
            naga::back::msl::write_string(&module, &info, &options, &entry).unwrap_or_else(|e| fail(e.to_string()));
        }
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn translations_are_as_recorded() {
    let mut text =
        String::from("# shader+DEFINES overrides tier: SPIR-V words, MSL bytes. Rewritten by UPDATE_SNAPSHOTS=1.\n");
    for key in variants().into_keys() {
        let (module, info) = module(&key);
        let fail = |what: String| -> ! { panic!("{}: {what}", label(&key)) };
        let words = spirv(&module, &info, ShaderStage::Compute, "main").unwrap_or_else(|e| fail(e));
        let options = naga::back::msl::Options { lang_version: (2, 4), ..Default::default() };
        let entry = naga::back::msl::PipelineOptions {
            entry_point: Some((ShaderStage::Compute, "main".into())),
            ..Default::default()
        };
        let (msl, _) =
            naga::back::msl::write_string(&module, &info, &options, &entry).unwrap_or_else(|e| fail(e.to_string()));
        writeln!(text, "{}: {} {}", label(&key), words.len(), msl.len()).expect("a String takes everything");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/shaders.txt");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &text).expect("snapshots/shaders.txt");
        return;
    }
    let recorded = std::fs::read_to_string(&path).expect("snapshots/shaders.txt; make it with UPDATE_SNAPSHOTS=1");
    let lines = |t: &str| t.lines().map(String::from).collect::<BTreeSet<_>>();
    let (old, new) = (lines(&recorded), lines(&text));
    let mut changes = String::new();
    for line in old.difference(&new) {
        writeln!(changes, "- {line}").expect("a String takes everything");
    }
    for line in new.difference(&old) {
        writeln!(changes, "+ {line}").expect("a String takes everything");
    }
    assert!(changes.is_empty(), "translations changed; if meant, run again with UPDATE_SNAPSHOTS=1\n{changes}");
}

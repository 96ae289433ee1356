import CPortrait
import Foundation

/// One avatar driven by one camera or by speech, in a thread of the library's. Any thread may call, and no call waits for the GPU unless
/// it says so.
public final class Session: Sendable {
    /// What pictures show.
    public enum Framing: Sendable {
        /// The animated square.
        case square
        /// The whole photo that the avatar was made of, the animated square blended back into it.
        case photo(Photo)
        /// The person alone, transparent around.
        case cutOut
    }

    /// How a session runs.
    public struct Options: Sendable {
        public var framing = Framing.square
        /// Size of the frames to expect, once upright; others are taken too. 0: not known before the first, which then takes longer.
        public var frameWidth = 0, frameHeight = 0
        /// Side of the pictures in pixels where they show the square or the person cut out, from the preset's own side (256) on; 0:
        /// that. A larger one is sharper where the photo is, up to 1024.
        public var pictureSide = 0
        /// Most pictures a second; 0: as many as frames, and 30 of speech.
        public var rate: Float = 0
        /// Copies each picture to memory, for `takePicture`. A view does not need that.
        public var pictures = false
        /// How the driver's motion is taken over, from the first frame on.
        public var motion = Motion()
        /// Takes over when the device is critically hot: an engine made by `PortraitEngine.sibling`, and an avatar for it.
        public var cool: (engine: PortraitEngine, avatar: Avatar)?

        public init(frameWidth: Int = 0, frameHeight: Int = 0) {
            self.frameWidth = frameWidth
            self.frameHeight = frameHeight
        }
    }

    /// How the driver's motion is taken over.
    public struct Motion: Sendable {
        /// Factor on all of it, if relative; 1 is the driver's own. All factors go from 0 to 10.
        public var strength: Float = 1
        /// Factors on what the head does as a whole, and on everything else that the face does.
        public var headGain: Float = 1, expressionGain: Float = 1
        /// Further ones on lids and lips.
        public var eyeGain: Float = 1, mouthGain: Float = 1
        /// Takes over the driver's pose as it is, instead of how it differs from the driver's neutral pose.
        public var absolute = false
        /// Leaves out the smoothing.
        public var raw = false

        public init() {}

        var c: PortraitMotion {
            var given = PortraitMotion()
            given.struct_size = size(PortraitMotion.self)
            given.strength = strength
            given.head_gain = headGain
            given.expression_gain = expressionGain
            given.eye_gain = eyeGain
            given.mouth_gain = mouthGain
            given.absolute = absolute
            given.raw = raw
            return given
        }
    }

    /// How hot the device is; the numbers are those of `ProcessInfo.ThermalState`.
    public enum Thermal: UInt32, Sendable {
        case nominal, fair, serious, critical
    }

    /// How much memory to give back.
    public enum Trim: UInt32, Sendable {
        /// Frames and pictures that wait.
        case waiting
        /// Also everything the session has on the GPU; the next frame makes it again.
        case session
        /// Also the engine's compiled pipelines.
        case pipelines
    }

    /// A picture, upright, RGBA, rows from the top without gaps.
    public struct Picture: Sendable {
        public let width, height: Int
        public let rgba: Data
        /// Of the frame that it was made of; of speech, of the moment it shows by the clock of `pushAudio`.
        public let timestamp: UInt64
    }

    /// What a session does.
    public struct State: Sendable {
        /// Whether it has what it needs on the GPU; was told to pause; has a surface; is run by what stays cool.
        public let open, paused, surface, cooled: Bool
        /// Whether the newest frame showed a face.
        public let face: Bool
        /// Frames pushed, those among them that were not used, and pictures made.
        public let pushed, dropped, pictures: UInt64
        /// From the push of the newest picture's frame until it was done, in seconds.
        public let latency: Double
        /// What half of the newest 240 latencies, and what 95 % of them stayed below, in seconds.
        public let latencyP50, latencyP95: Double
        /// Pictures a second in the last three seconds.
        public let rate: Double
        /// GPU time of `latency` in seconds; 0 where the device does not tell.
        public let gpu: Double
        /// What of that finding the face, tracking it, transferring its motion, dense motion, synthesis and composing took, in this
        /// order.
        public let gpuStages: [Double]
        /// How certain it is that the newest frame showed a face, 0 to 1.
        public let score: Float
        /// Centre (x, y), side and angle (radians, clockwise) of a square around that face, in pixels of the upright frame.
        public let region: [Float]
        /// Whether the session has ended by a failure, which the next push throws.
        public let failed: Bool
        /// Why the last surface was given up; nil where none was since the last one that could be drawn on.
        public let surfaceFailure: String?
    }

    let handle: UInt64
    private let rests = Rests()
    /// Whether it is known for which frames.
    private let sized: Bool
    /// Memory of the last picture taken is not known before there is one.
    private static let firstGuess = 4 * 256 * 256

    /// Starts a session; frames may be pushed at once.
    public init(engine: PortraitEngine, avatar: Avatar, options: Options = Options()) async throws {
        handle = try await waiting { try Self.open(engine, avatar, options) }
        sized = options.frameWidth > 0 && options.frameHeight > 0
    }

    /// Frames and surface are in use until the session's thread has ended, which nobody waits for: it may be at work on what takes
    /// seconds, and the last owner on the main thread.
    deinit {
        DispatchQueue.global(qos: .utility).async { [handle] in
            _ = portrait_session_release(handle)
        }
    }

    /// Returns when the session has compiled what it needs, which takes seconds the first time; at once while it is paused, and where the
    /// size of frames was not told. Why one has failed, the next push tells.
    public func opened() async throws {
        while sized {
            let now = try state
            if now.open || now.failed || now.paused { return }
            try await Task.sleep(nanoseconds: 20_000_000)
        }
    }

    private static func open(_ engine: PortraitEngine, _ avatar: Avatar, _ how: Options) throws -> UInt64 {
        var options = PortraitSessionOptions()
        options.struct_size = size(PortraitSessionOptions.self)
        options.frame_width = UInt32(clamping: how.frameWidth)
        options.frame_height = UInt32(clamping: how.frameHeight)
        options.picture_side = UInt32(clamping: how.pictureSide)
        options.rate = how.rate
        options.no_pictures = !how.pictures
        options.cool_engine = how.cool?.engine.handle ?? 0
        options.cool_avatar = how.cool?.avatar.handle ?? 0
        var opened: UInt64 = 0
        try withUnsafePointer(to: how.motion.c) { motion in
            options.motion = motion
            switch how.framing {
            case .square:
                try check(portrait_session_open(engine.handle, avatar.handle, &options, &opened))
            case .cutOut:
                options.framing = PORTRAIT_FRAMING_CUTOUT.rawValue
                try check(portrait_session_open(engine.handle, avatar.handle, &options, &opened))
            case .photo(let photo):
                options.framing = PORTRAIT_FRAMING_PHOTO.rawValue
                try photo.withFrame { frame in
                    options.photo = frame
                    try check(portrait_session_open(engine.handle, avatar.handle, &options, &opened))
                }
            }
        }
        return opened
    }

    /// Gives the newest frame of the driver; an older one that was not begun yet is given back unused.
    public func push(_ frame: Frame) throws {
        try frame.withC { try check(portrait_session_push(handle, $0)) }
    }

    /// Gives speech that moves the mouth: 16 kHz, one channel; a whole sentence, or pieces as they come. The samples are copied.
    ///
    /// From then on the session makes pictures by itself, and the face idles where nothing is said; an empty array begins that without a
    /// word. A frame that is pushed ends it. The first sample is seen 300 ms after it was pushed, and each after it by as much later as it
    /// comes later in the sound: play each 300 ms after its push. `timestamp` is when the first of these samples is, in nanoseconds of a
    /// clock of yours; pictures have that of the moment they show.
    ///
    /// A minute may wait, 960,000 samples: of more nothing is taken, and it is an error. A pause drops what was not shown yet, and what is
    /// pushed during one.
    public func pushAudio(_ samples: [Int16], timestamp: UInt64) throws {
        try samples.withUnsafeBufferPointer { given in
            try check(portrait_session_push_audio(handle, given.baseAddress, given.count, timestamp))
        }
    }

    /// Drops the speech that was not shown yet, as when somebody speaks into it: the mouth shuts within a tenth of a second, and the face
    /// idles. Nothing where no speech drives.
    public func interruptAudio() throws {
        try check(portrait_session_interrupt_audio(handle))
    }

    /// The newest picture that was not taken yet; waits for one no longer than this. Nil: there is none.
    public func takePicture(timeout seconds: Double = 0) throws -> Picture? {
        var length = Self.firstGuess
        while true {
            var picture = PortraitPicture()
            picture.struct_size = size(PortraitPicture.self)
            picture.length = length
            var pixels = Data(count: length)
            let status = pixels.withUnsafeMutableBytes { bytes in
                picture.pixels = bytes.bindMemory(to: UInt8.self).baseAddress
                return portrait_session_take_picture(handle, milliseconds(seconds), &picture)
            }
            let (width, height) = (Int(picture.width), Int(picture.height))
            switch status {
            case PORTRAIT_STATUS_PENDING.rawValue:
                return nil
            case PORTRAIT_STATUS_BUFFER_TOO_SMALL.rawValue where 4 * width * height > length:
                length = 4 * width * height
            default:
                try check(status)
                return Picture(
                    width: width, height: height, rgba: pixels.prefix(4 * width * height), timestamp: picture.timestamp_ns)
            }
        }
    }

    /// How motion is taken over from the next frame on.
    public func setMotion(_ motion: Motion) throws {
        var given = motion.c
        try check(portrait_session_set_motion(handle, &given))
    }

    /// Takes the driver's pose as the neutral one: of the next 0.3 seconds with a face the frame most like the photo's.
    public func recalibrate() throws {
        try check(portrait_session_recalibrate(handle))
    }

    /// Stops making pictures, and waits for the frame at hand, but not for a session to open: afterwards nothing is submitted to the GPU.
    public func pause() throws {
        try rests.set(told: true, of: handle)
    }

    /// Goes on after `pause`; where `AppLifecycle` has paused it, too, not before the app is back from the background.
    public func resume() throws {
        try rests.set(told: false, of: handle)
    }

    /// Whether nobody sees it, which pauses it as well.
    func unseen(_ now: Bool) throws {
        try rests.set(unseen: now, of: handle)
    }

    /// How hot the device is: fewer pictures a second first, then `Options.cool`.
    public func setThermal(_ thermal: Thermal) throws {
        try check(portrait_session_set_thermal(handle, thermal.rawValue))
    }

    /// Gives memory back; waits until that is done, but not for a session to open.
    public func trim(_ level: Trim) throws {
        try check(portrait_session_trim(handle, level.rawValue))
    }

    /// What the session does.
    public var state: State {
        get throws {
            var told = PortraitSessionStatus()
            told.struct_size = size(PortraitSessionStatus.self)
            try check(portrait_session_status(handle, &told))
            let (search, track, transfer, motion, synthesis, compose) = told.gpu_stages_ns
            let (x, y, side, angle) = told.face_region
            let surfaceFailure = text(told.window_failure)
            return State(
                open: told.open, paused: told.paused, surface: told.window, cooled: told.cooled, face: told.face,
                pushed: told.pushed, dropped: told.dropped, pictures: told.pictures, latency: Double(told.latency_ns) * 1e-9,
                latencyP50: Double(told.latency_p50_ns) * 1e-9, latencyP95: Double(told.latency_p95_ns) * 1e-9,
                rate: Double(told.rate),
                gpu: Double(told.gpu_ns) * 1e-9,
                gpuStages: [search, track, transfer, motion, synthesis, compose].map { Double($0) * 1e-9 },
                score: told.face_score, region: [x, y, side, angle], failed: told.failed,
                surfaceFailure: surfaceFailure.isEmpty ? nil : surfaceFailure)
        }
    }

    /// Draws every picture on a `CAMetalLayer` from now on; with `fill` all of it is filled, otherwise the picture is whole, with bars of
    /// this colour (red, green, blue, 0 to 1) around it. The layer has to stay until `surfaceDestroyed` returns.
    /// Waits for nothing, unless there is another layer. `PortraitView` does that by itself.
    public func surfaceCreated(
        _ layer: UnsafeMutableRawPointer, width: Int, height: Int, fill: Bool = true,
        bars: (Float, Float, Float) = (0, 0, 0)
    ) throws {
        var surface = PortraitSurface()
        surface.struct_size = size(PortraitSurface.self)
        surface.kind = PORTRAIT_WINDOW_METAL_LAYER.rawValue
        surface.window = Int(bitPattern: layer)
        surface.width = UInt32(clamping: width)
        surface.height = UInt32(clamping: height)
        surface.bars = bars
        surface.fit = (fill ? PORTRAIT_FIT_COVER : PORTRAIT_FIT_CONTAIN).rawValue
        try check(portrait_session_surface_created(handle, &surface))
    }

    /// Fits pictures to a surface of another size, in pixels. Waits for nothing.
    public func surfaceChanged(width: Int, height: Int) throws {
        try check(portrait_session_surface_changed(handle, UInt32(clamping: width), UInt32(clamping: height)))
    }

    /// Draws on no surface any more; waits until it is no longer in use, but not for a session to open.
    public func surfaceDestroyed() throws {
        try check(portrait_session_surface_destroyed(handle))
    }
}

/// Why a session rests: the app's own word, and that nobody sees it. It goes on when neither holds.
private final class Rests: @unchecked Sendable {
    private let lock = NSLock()
    private var told = false
    private var unseen = false

    func set(told: Bool? = nil, unseen: Bool? = nil, of session: UInt64) throws {
        lock.lock()
        defer { lock.unlock() }
        self.told = told ?? self.told
        self.unseen = unseen ?? self.unseen
        try check(self.told || self.unseen ? portrait_session_pause(session) : portrait_session_resume(session))
    }
}

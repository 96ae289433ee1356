import CPortrait
import Foundation

/// Device, networks and weights. One serves any number of avatars and sessions, and may be used from any thread.
public final class PortraitEngine: Sendable {
    /// Hears how opening goes: 0 to 1, and what is done next. Called in a thread of the library's.
    public typealias Progress = @Sendable (Float, String) -> Void

    /// Precision of weights and features.
    public enum Precision: UInt32, Sendable {
        /// What suits the device.
        case automatic, f32, f16Packed, f16
    }

    /// What an engine runs on.
    public struct Info: Sendable {
        /// Names of the GPU, of the interface to it ("Metal"), and of the driver.
        public let adapter, backend, driver: String
        /// Name of the preset.
        public let preset: String
        /// SHA-256 of the weights, in hexadecimal.
        public let weights: String
        /// Largest side of a frame or photo in pixels.
        public let largestSide: Int
    }

    let handle: UInt64
    private let progress: Listener?

    /// `portrait` in the app's folder for caches.
    public static var defaultCacheDirectory: URL? {
        FileManager.default.urls(for: .cachesDirectory, in: .userDomainMask).first?.appendingPathComponent("portrait")
    }

    /// Opens an engine with the weights of a file; done when it is open. A task that is cancelled waits for that too.
    ///
    /// - Parameters:
    ///   - weights: a safetensors file, like `portrait_s.safetensors` in the app's bundle.
    ///   - preset: the preset that the weights were made for; nil: "s".
    ///   - cacheDirectory: where what the self-test has found is kept, and compiled pipelines where the system does not keep them
    ///     itself. The first start on a driver tests every pipeline (seconds) and goes around what the driver computes wrongly; later
    ///     starts know. nil: nothing is kept, and nothing tested.
    public convenience init(
        weights: URL, preset: String? = nil, precision: Precision = .automatic,
        cacheDirectory: URL? = PortraitEngine.defaultCacheDirectory, progress: Progress? = nil
    ) async throws {
        try await self.init(weights, preset, precision, cacheDirectory, sharing: nil, progress)
    }

    /// An engine of another preset on this engine's device, for sessions that are to stay cool.
    public func sibling(weights: URL, preset: String) async throws -> PortraitEngine {
        try await PortraitEngine(weights, preset, .automatic, nil, sharing: self, nil)
    }

    private init(
        _ weights: URL, _ preset: String?, _ precision: Precision, _ cache: URL?, sharing: PortraitEngine?,
        _ progress: Progress?
    ) async throws {
        let listener = progress.map(Listener.init)
        var opened: UInt64 = 0
        var options = PortraitEngineOptions()
        options.struct_size = size(PortraitEngineOptions.self)
        options.precision = precision.rawValue
        options.share = sharing?.handle ?? 0
        if let listener {
            options.progress = { user, _, done, next in
                guard let user, let next else { return }
                Unmanaged<Listener>.fromOpaque(user).takeUnretainedValue().heard(done, String(cString: next))
            }
            options.user = Unmanaged.passUnretained(listener).toOpaque()
        }
        try withText(weights.path) { weights in
            try withText(preset) { preset in
                try withText(cache?.path) { cache in
                    options.weights_file = weights
                    options.preset = preset
                    options.cache_directory = cache
                    try check(portrait_engine_open(&options, &opened))
                }
            }
        }
        handle = opened
        self.progress = listener
        try await waiting { [handle] in try check(portrait_engine_wait(handle, -1)) }
    }

    /// Sessions and avatars of it go on.
    deinit {
        // Afterwards nobody is told about progress any more, so the listener may go.
        _ = portrait_engine_release(handle)
    }

    /// What the engine runs on.
    public var info: Info {
        get throws {
            var info = PortraitEngineInfo()
            info.struct_size = size(PortraitEngineInfo.self)
            try check(portrait_engine_info(handle, &info))
            return Info(
                adapter: text(info.adapter), backend: text(info.backend), driver: text(info.driver),
                preset: text(info.preset), weights: text(info.weights), largestSide: Int(info.largest_side))
        }
    }

    /// Runs every pipeline once and compares with the CPU; the names of those that this device computes wrongly. Takes seconds: once
    /// for each device and version of the system.
    public func selfTest() async throws -> [String] {
        let handle = handle
        return try await waiting {
            var result = PortraitSelfTest()
            result.struct_size = size(PortraitSelfTest.self)
            try check(portrait_engine_self_test(handle, &result))
            return text(result.names).split(whereSeparator: { ", \n".contains($0) }).map(String.init)
        }
    }
}

/// Keeps the host's closure where the library can find it.
private final class Listener: Sendable {
    let heard: PortraitEngine.Progress

    init(_ heard: @escaping PortraitEngine.Progress) {
        self.heard = heard
    }
}

/// A text for C while the closure runs; nil stays nil.
private func withText(_ text: String?, _ body: (UnsafePointer<CChar>?) throws -> Void) throws {
    if let text {
        try text.withCString(body)
    } else {
        try body(nil)
    }
}

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
        /// Largest side in pixels of a frame, and of a photo that is shown whole. An avatar's photo may have 16384.
        public let largestSide: Int
        /// What the app should know although everything works: kernels that are gone around and precisions that are given up because the
        /// device computes them wrongly, a cache that cannot be used, a layer that refused pictures.
        public let warnings: [String]
    }

    let handle: UInt64
    private let progress: Listener?

    /// `portrait` in the app's folder for caches.
    public static var defaultCacheDirectory: URL? {
        FileManager.default.urls(for: .cachesDirectory, in: .userDomainMask).first?.appendingPathComponent("portrait")
    }

    /// A safetensors file, like `portrait_s.safetensors` in the app's bundle, or what such a file holds.
    public enum Weights: Sendable {
        case file(URL)
        case data(Data)
    }

    /// Opens an engine with the weights of a file; done when it is open. A task that is cancelled waits for that too.
    ///
    /// - Parameters:
    ///   - preset: the preset that the weights were made for; nil: "s".
    ///   - adapter: part of the GPU's name; nil: the best one.
    ///   - cacheDirectory: where what the self-test has found is kept, and compiled pipelines where the system does not keep them
    ///     itself. The first start on a driver tests every pipeline (seconds) and goes around what the driver computes wrongly; later
    ///     starts know. nil: nothing is kept, and nothing tested.
    ///   - selfTest: false: nothing is tested.
    public convenience init(
        weights: Weights, preset: String? = nil, adapter: String? = nil, precision: Precision = .automatic,
        cacheDirectory: URL? = PortraitEngine.defaultCacheDirectory, selfTest: Bool = true, progress: Progress? = nil
    ) async throws {
        var options = PortraitEngineOptions()
        options.precision = precision.rawValue
        options.no_self_test = selfTest ? 0 : 1
        try await self.init(weights, preset, adapter, cacheDirectory, options, progress)
    }

    /// An engine of another preset on this engine's device, for sessions that are to stay cool.
    public func sibling(weights: Weights, preset: String) async throws -> PortraitEngine {
        var options = PortraitEngineOptions()
        options.share = handle
        return try await PortraitEngine(weights, preset, nil, nil, options, nil)
    }

    private init(
        _ weights: Weights, _ preset: String?, _ adapter: String?, _ cache: URL?, _ how: PortraitEngineOptions,
        _ progress: Progress?
    ) async throws {
        let listener = progress.map(Listener.init)
        var opened: UInt64 = 0
        var options = how
        options.struct_size = size(PortraitEngineOptions.self)
        if let listener {
            options.progress = { user, _, done, next in
                guard let user, let next else { return }
                Unmanaged<Listener>.fromOpaque(user).takeUnretainedValue().heard(done, String(cString: next))
            }
            options.user = Unmanaged.passUnretained(listener).toOpaque()
        }
        try withText(preset) { preset in
            try withText(adapter) { adapter in
                try withText(cache?.path) { cache in
                    options.preset = preset
                    options.adapter = adapter
                    options.cache_directory = cache
                    switch weights {
                    case .file(let file):
                        try withText(file.path) { path in
                            options.weights_file = path
                            try check(portrait_engine_open(&options, &opened))
                        }
                    case .data(let data):
                        try data.withUnsafeBytes { bytes in
                            options.weights = bytes.bindMemory(to: UInt8.self).baseAddress
                            options.weights_length = bytes.count
                            try check(portrait_engine_open(&options, &opened))
                        }
                    }
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
                preset: text(info.preset), weights: text(info.weights), largestSide: Int(info.largest_side),
                warnings: text(info.warnings).split(separator: "\n").map(String.init))
        }
    }

    /// Runs every pipeline once and compares with the CPU; the names of those that this device computes wrongly, as many as fit in 255
    /// bytes. Takes seconds: once for each device and version of the system.
    public func selfTest() async throws -> [String] {
        let handle = handle
        return try await waiting {
            var result = PortraitSelfTest()
            result.struct_size = size(PortraitSelfTest.self)
            try check(portrait_engine_self_test(handle, &result))
            // A name has spaces.
            return text(result.names).components(separatedBy: ", ").filter { !$0.isEmpty }
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

// Photo to pictures and misuse, as an app would do it: `scenario WEIGHTS PHOTO DRIVER`, square RGBA pictures.
import Foundation
import Portrait

struct Broken: Error, CustomStringConvertible {
    let description: String
}

func expect(_ holds: Bool, _ what: String) throws {
    if !holds { throw Broken(description: what) }
}

/// The call throws an error of the library whose message says this.
func fails(_ says: String, _ call: () async throws -> Void) async throws {
    do {
        try await call()
    } catch let error as PortraitError {
        try expect(error.message.contains(says) && error.status > 1, "expected `\(says)`, got `\(error)`")
        try expect(error.localizedDescription == error.message, "the text that alerts show")
        return
    }
    throw Broken(description: "no error; expected `\(says)`")
}

/// A square picture of a file.
func photo(_ file: String) throws -> Photo {
    let data = try Data(contentsOf: URL(fileURLWithPath: file))
    let side = Int(Double(data.count / 4).squareRoot())
    return Photo(width: side, height: side, rgba: data)
}

/// Memory that tells when it is let go.
final class Pixels {
    let bytes: UnsafeMutableRawBufferPointer
    let gone: Count

    init(_ data: [UInt8], _ gone: Count) {
        bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: data.count, alignment: 16)
        bytes.copyBytes(from: data)
        self.gone = gone
    }

    deinit {
        bytes.deallocate()
        gone.add()
    }
}

final class Count: @unchecked Sendable {
    private let lock = NSLock()
    private var count = 0

    func add() { lock.withLock { count += 1 } }
    var value: Int { lock.withLock { count } }
}

/// The picture as iOS' cameras give it: luma, then chroma in turns; BT.601, all values.
func nv12(_ photo: Photo) -> [UInt8] {
    let side = photo.width
    let rgba = [UInt8](photo.rgba)
    var planes = [UInt8](repeating: 0, count: side * side * 3 / 2)
    for y in 0..<side {
        for x in 0..<side {
            let at = 4 * (y * side + x)
            let (r, g, b) = (Double(rgba[at]), Double(rgba[at + 1]), Double(rgba[at + 2]))
            let light = 0.299 * r + 0.587 * g + 0.114 * b
            planes[y * side + x] = UInt8(light.rounded())
            if x % 2 == 0 && y % 2 == 0 {
                let to = side * side + y / 2 * side + x
                planes[to] = UInt8(min(max(128 + (b - light) / 1.772, 0), 255).rounded())
                planes[to + 1] = UInt8(min(max(128 + (r - light) / 1.402, 0), 255).rounded())
            }
        }
    }
    return planes
}

func difference(_ a: Data, _ b: Data) -> Double {
    zip(a, b).reduce(0) { $0 + abs(Double($1.0) - Double($1.1)) } / Double(a.count)
}

func scenario(_ weights: String, _ portrait: Photo, _ driver: Photo) async throws {
    let side = driver.width
    try await fails("nowhere.safetensors") {
        _ = try await PortraitEngine(weights: .file(URL(fileURLWithPath: "nowhere.safetensors")))
    }
    let file = URL(fileURLWithPath: weights)
    try await fails("nobody's GPU") { _ = try await PortraitEngine(weights: .file(file), adapter: "nobody's GPU") }
    let heard = Count()
    let bytes = PortraitEngine.Weights.data(try Data(contentsOf: file))
    var engine: PortraitEngine? = try await PortraitEngine(weights: bytes, selfTest: false) { _, _ in heard.add() }
    try expect(heard.value > 0, "opening tells how it goes")
    let info = try engine!.info
    print("adapter: \(info.adapter), \(info.backend)")
    try expect(info.preset == "s" && info.weights.count == 64 && info.largestSide >= 2048, "what it runs on")

    let grey = Photo(width: 64, height: 64, rgba: Data(count: 4 * 64 * 64))
    try await fails("no face") { _ = try await Avatar(engine: engine!, photo: grey) }
    let short = Photo(width: 65, height: 64, rgba: grey.rgba)
    try await fails("plane") { _ = try await Avatar(engine: engine!, photo: short) }
    let made = try await Avatar(engine: engine!, photo: portrait, face: .largest)
    var stored = try made.data()
    var avatar: Avatar? = try Avatar(data: stored)
    stored[stored.count / 2] ^= 1
    try await fails("damaged") { _ = try Avatar(data: stored) }
    let about = try avatar!.info
    try expect(about.side == 256 && about.photoWidth == portrait.width && about.faceSize > 20, "the avatar's sizes")

    var options = Session.Options(frameWidth: side, frameHeight: side)
    options.pictures = true
    options.motion.strength = 11
    try await fails("`strength` is 11") { _ = try await Session(engine: engine!, avatar: avatar!, options: options) }
    options.motion.strength = 1
    (options.motion.absolute, options.motion.raw) = (true, true)
    let nothing = UnsafeMutableRawPointer.allocate(byteCount: 16, alignment: 16)
    defer { nothing.deallocate() }
    try await fails("Metal") { _ = try Texture(engine: engine!, pointer: nothing) }
    let session = try await Session(engine: engine!, avatar: avatar!, options: options)
    // The session goes on without them.
    (engine, avatar) = (nil, nil)
    try await session.opened()
    try expect(try session.state.open, "what it needs is compiled")
    var motion = options.motion
    motion.mouthGain = 11
    try await fails("`mouth_gain` is 11") { try session.setMotion(motion) }
    for timeout in [0, -1, -Double.infinity, .nan] {
        try expect(try session.takePicture(timeout: timeout) == nil, "no picture yet, and no wait of \(timeout)")
    }

    let gone = Count()
    var clock: UInt64 = 0
    func borrowed(_ format: Frame.Format) -> Frame {
        let pixels = Pixels(format == .nv12 ? nv12(driver) : [UInt8](driver.rgba), gone)
        let whole = UnsafeRawBufferPointer(pixels.bytes)
        let luma = UnsafeRawBufferPointer(rebasing: whole.prefix(side * side))
        let chroma = UnsafeRawBufferPointer(rebasing: whole.dropFirst(side * side))
        let planes: [Frame.Plane] =
            format == .nv12
            ? [.init(bytes: luma, stride: side), .init(bytes: chroma, stride: side)]
            : [.init(bytes: whole, stride: 4 * side)]
        return Frame(format: format, width: side, height: side, planes: planes, keeper: pixels)
    }
    func picture(of frame: consuming Frame) throws -> Session.Picture {
        clock += 40_000_000
        frame.timestamp = clock
        try session.push(frame)
        let taken = try session.takePicture(timeout: 120)
        guard let taken, taken.timestamp == clock else { throw Broken(description: "the picture of this frame") }
        return taken
    }
    var last = try picture(of: borrowed(.rgba))
    for _ in 0..<3 { last = try picture(of: borrowed(.rgba)) }
    try expect(last.width == 256 && last.height == 256 && last.rgba.count == 4 * 256 * 256, "the picture's size")
    let other = try picture(of: borrowed(.nv12))
    let apart = difference(last.rgba, other.rgba)
    print("NV12: \(String(format: "%.2f", apart)) of 255 from RGBA")
    try expect(apart < 2, "the same driver")
    try expect(gone.value == 5, "five frames were borrowed and given back, not \(gone.value)")
    var turned = borrowed(.rgba)
    turned.rotation = 30
    try await fails("`rotation` is 30") { try session.push(turned) }

    try session.pause()
    try session.push(borrowed(.rgba))
    try expect(try session.state.paused && session.state.dropped > 0, "paused")
    try session.resume()
    try session.trim(.pipelines)
    try expect(try !session.state.open, "given back")
    try session.setThermal(.serious)
    _ = try picture(of: borrowed(.rgba))
    let state = try session.state
    try expect(state.open && state.face && state.latency > 0 && !state.surface, "open again")
    try expect(state.latencyP50 > 0 && state.latencyP95 >= state.latencyP50 && state.rate > 0, "percentiles and rate")
    try session.recalibrate()
    try await fails("Metal") { try session.surfaceCreated(nothing, width: 10, height: 10) }
    try session.surfaceChanged(width: 5, height: 5)
    try session.surfaceDestroyed()
}

/// A session that nobody has any more ends, though nobody waits for it.
func ended() throws {
    for _ in 0..<500 {
        let threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")
        let names = threads.compactMap { try? String(contentsOfFile: "/proc/self/task/\($0)/comm", encoding: .utf8) }
        if !names.contains("portrait\n") { return }
        usleep(20_000)
    }
    throw Broken(description: "the session's thread goes on")
}

do {
    let arguments = CommandLine.arguments
    try await scenario(arguments[1], try photo(arguments[2]), try photo(arguments[3]))
    try ended()
    print("scenario: every call did what it says")
} catch {
    print("scenario: \(error)")
    exit(1)
}

import CPortrait
import Foundation

/// A photo, ready to be animated. It may outlive its engine, and be used from any thread.
public final class Avatar: Sendable {
    /// Which of several faces in a photo.
    public enum Face: Sendable {
        /// The only one; several are an error.
        case only
        case largest
        /// The one nearest to this place, in pixels of the photo from the top left.
        case at(x: Float, y: Float)
    }

    /// What is known about an avatar.
    public struct Info: Sendable {
        /// Side of the animated square in pixels of the pictures.
        public let side: Int
        /// Size of the photo in pixels.
        public let photoWidth, photoHeight: Int
        /// Longer side of the face in pixels of the photo.
        public let faceSize: Float
        /// What may spoil the result, a line each.
        public let warnings: [String]
    }

    let handle: UInt64

    private init(handle: UInt64) {
        self.handle = handle
    }

    /// Makes an avatar of an upright photo in RGBA or BGRA. Waits for the GPU, in a thread of its own.
    public convenience init(engine: PortraitEngine, photo: Photo, face: Face = .only, wholePhoto: Bool = false) async throws {
        self.init(handle: try await waiting { try Self.prepare(engine, photo, face, wholePhoto) })
    }

    /// Reads what `data()` wrote: milliseconds instead of a second.
    public convenience init(data: Data) throws {
        var made: UInt64 = 0
        try data.withUnsafeBytes { bytes in
            let first = bytes.bindMemory(to: UInt8.self).baseAddress
            try check(portrait_avatar_read(first, bytes.count, &made))
        }
        self.init(handle: made)
    }

    /// Sessions of it go on.
    deinit {
        _ = portrait_avatar_release(handle)
    }

    /// The avatar for a file.
    public func data() throws -> Data {
        var length = 0
        let status = portrait_avatar_write(handle, nil, &length)
        if status != PORTRAIT_STATUS_BUFFER_TOO_SMALL.rawValue {
            try check(status)
        }
        var data = Data(count: length)
        try data.withUnsafeMutableBytes { bytes in
            let first = bytes.bindMemory(to: UInt8.self).baseAddress
            try check(portrait_avatar_write(handle, first, &length))
        }
        return data
    }

    /// What is known about it.
    public var info: Info {
        get throws {
            var info = PortraitAvatarInfo()
            info.struct_size = size(PortraitAvatarInfo.self)
            try check(portrait_avatar_info(handle, &info))
            return Info(
                side: Int(info.side), photoWidth: Int(info.photo_width), photoHeight: Int(info.photo_height),
                faceSize: info.face_size, warnings: text(info.warnings).split(separator: "\n").map(String.init))
        }
    }

    private static func prepare(_ engine: PortraitEngine, _ photo: Photo, _ face: Face, _ whole: Bool) throws -> UInt64 {
        var options = PortraitPrepareOptions()
        options.struct_size = size(PortraitPrepareOptions.self)
        options.whole_photo = whole
        switch face {
        case .only: options.face = PORTRAIT_FACE_ONLY.rawValue
        case .largest: options.face = PORTRAIT_FACE_LARGEST.rawValue
        case .at(let x, let y): (options.face, options.x, options.y) = (PORTRAIT_FACE_AT.rawValue, x, y)
        }
        var made: UInt64 = 0
        try photo.withFrame { frame in
            try check(portrait_avatar_prepare(engine.handle, frame, &options, &made))
        }
        return made
    }
}

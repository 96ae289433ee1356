import CPortrait

/// A frame of a camera. Nothing is converted by the CPU.
public struct Frame {
    /// How the bytes are laid out; 8 bits a sample. Chroma has half the width and height, rounded up.
    public enum Format: UInt32, Sendable {
        /// One plane of four bytes a pixel.
        case rgba, bgra
        /// Two planes: luma; blue and red chroma in turns, or red and blue.
        case nv12, nv21
        /// Three planes: luma, blue chroma, red chroma.
        case i420
    }

    /// What luma and chroma mean; without meaning for RGBA and BGRA.
    public enum Colour: UInt32, Sendable {
        /// All values used, or luma from 16 to 235.
        case bt601Full, bt601, bt709Full, bt709
    }

    /// A part of the frame.
    public struct Plane {
        /// The bytes that may be read.
        public let bytes: UnsafeRawBufferPointer
        /// Bytes from one row to the next.
        public let stride: Int

        public init(bytes: UnsafeRawBufferPointer, stride: Int) {
            self.bytes = bytes
            self.stride = stride
        }
    }

    /// Degrees clockwise that make it upright: 0, 90, 180 or 270.
    public var rotation = 0
    /// Whether to mirror it left to right, once upright: front cameras.
    public var mirrored = false
    /// When it was taken, in nanoseconds of any clock that does not run backwards.
    public var timestamp: UInt64 = 0

    private var frame = PortraitFrame()
    /// Kept until the library has read the planes.
    private let keeper: AnyObject?

    /// A frame of planes in memory, as many as the format has.
    ///
    /// - Parameter keeper: the planes stay as long as this object does, and are borrowed: it is let go as soon as they were read, in
    ///   any thread. Nil: they are copied by `Session.push`.
    public init(
        format: Format, width: Int, height: Int, planes: [Plane], colour: Colour = .bt601Full, keeper: AnyObject? = nil
    ) {
        frame.struct_size = size(PortraitFrame.self)
        frame.format = format.rawValue
        frame.colour = colour.rawValue
        frame.width = UInt32(clamping: width)
        frame.height = UInt32(clamping: height)
        let first = planes.map { $0.bytes.bindMemory(to: UInt8.self).baseAddress } + [nil, nil, nil]
        let lengths = planes.map(\.bytes.count) + [0, 0, 0]
        let strides = planes.map { max($0.stride, 0) } + [0, 0, 0]
        frame.planes = (first[0], first[1], first[2])
        frame.lengths = (lengths[0], lengths[1], lengths[2])
        frame.strides = (strides[0], strides[1], strides[2])
        self.keeper = keeper
    }

    /// The frame for one call of the library, which gives a borrowed one back exactly once, whatever becomes of the call.
    func withC<Result>(_ body: (UnsafePointer<PortraitFrame>) throws -> Result) throws -> Result {
        var frame = frame
        // What does not fit is told by the library.
        frame.rotation = UInt32(clamping: rotation)
        frame.mirror = mirrored
        frame.timestamp_ns = timestamp
        if let keeper {
            frame.user = Unmanaged.passRetained(keeper).toOpaque()
            frame.release = { user in
                guard let user else { return }
                Unmanaged<AnyObject>.fromOpaque(user).release()
            }
        }
        return try body(&frame)
    }
}

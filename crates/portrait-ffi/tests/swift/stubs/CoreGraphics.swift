@_exported import Foundation

public final class CGImage {
    public let width = 0, height = 0
}

public final class CGColorSpace {
    public static let sRGB = "sRGB"
    public init?(name: String) { nil }
    fileprivate init() {}
}

public func CGColorSpaceCreateDeviceRGB() -> CGColorSpace { CGColorSpace() }

public enum CGImageAlphaInfo: UInt32 {
    case premultipliedLast = 1
}

public final class CGContext {
    public init?(
        data: UnsafeMutableRawPointer?, width: Int, height: Int, bitsPerComponent: Int, bytesPerRow: Int,
        space: CGColorSpace, bitmapInfo: UInt32
    ) { nil }
    public func draw(_ image: CGImage, in rectangle: CGRect) {}
}

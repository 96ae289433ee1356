import CPortrait
import Foundation

/// An upright photo: red, green, blue and alpha, a byte each, rows from the top without gaps.
public struct Photo: Sendable {
    /// Size in pixels.
    public let width, height: Int
    /// `4 * width * height` bytes.
    public let rgba: Data

    public init(width: Int, height: Int, rgba: Data) {
        self.width = width
        self.height = height
        self.rgba = rgba
    }

    /// The photo as the library takes it, while the closure runs.
    func withFrame<Result>(_ body: (UnsafePointer<PortraitFrame>) throws -> Result) throws -> Result {
        try rgba.withUnsafeBytes { bytes in
            let plane = Frame.Plane(bytes: bytes, stride: 4 * width)
            let frame = Frame(format: .rgba, width: width, height: height, planes: [plane])
            return try frame.withC(body)
        }
    }
}

#if canImport(CoreGraphics)
    import CoreGraphics

    extension Photo {
        /// Draws an image; how a camera was held (`UIImage.imageOrientation`) is not known here. Nil: no memory for it.
        public init?(_ image: CGImage) {
            let (width, height) = (image.width, image.height)
            var pixels = Data(count: 4 * width * height)
            let drawn = pixels.withUnsafeMutableBytes { bytes -> Bool in
                let context = CGContext(
                    data: bytes.baseAddress, width: width, height: height, bitsPerComponent: 8, bytesPerRow: 4 * width,
                    space: CGColorSpace(name: CGColorSpace.sRGB) ?? CGColorSpaceCreateDeviceRGB(),
                    bitmapInfo: CGImageAlphaInfo.premultipliedLast.rawValue)
                context?.draw(image, in: CGRect(x: 0, y: 0, width: width, height: height))
                return context != nil
            }
            guard drawn else { return nil }
            self.init(width: width, height: height, rgba: pixels)
        }
    }
#endif

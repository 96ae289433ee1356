#if canImport(CoreVideo) && canImport(CoreMedia)
    import CoreMedia
    import CoreVideo
    import Foundation

    extension Frame {
        /// A frame of AVFoundation's camera; its pixels are borrowed until the library has read them.
        ///
        /// Taken are what cameras give, `kCVPixelFormatType_420YpCbCr8BiPlanarFullRange` and `…VideoRange` (NV12) and
        /// `kCVPixelFormatType_32BGRA`; nothing is converted.
        ///
        /// - Parameters:
        ///   - rotation: degrees clockwise that make it upright. 90 for a phone held upright, unless the connection turns it.
        ///   - mirrored: whether to mirror it, once upright: front cameras.
        public init(_ sample: CMSampleBuffer, rotation: Int = 0, mirrored: Bool = false) throws {
            guard let pixels = CMSampleBufferGetImageBuffer(sample) else {
                throw PortraitError.frame("the sample holds no picture: only those of a video output do")
            }
            let seconds = CMTimeGetSeconds(CMSampleBufferGetPresentationTimeStamp(sample))
            // A sample without a time has none that is a number.
            let nanoseconds = seconds.isFinite ? UInt64(min(max(seconds, 0), 1e9) * 1e9) : 0
            try self.init(pixels, timestamp: nanoseconds, rotation: rotation, mirrored: mirrored)
        }

        /// The same of a pixel buffer, with its time in nanoseconds.
        public init(_ pixels: CVPixelBuffer, timestamp: UInt64, rotation: Int = 0, mirrored: Bool = false) throws {
            let locked = try LockedPixels(pixels)
            let (width, height) = (CVPixelBufferGetWidth(pixels), CVPixelBufferGetHeight(pixels))
            switch CVPixelBufferGetPixelFormatType(pixels) {
            case kCVPixelFormatType_32BGRA:
                self.init(format: .bgra, width: width, height: height, planes: [locked.whole], keeper: locked)
            case kCVPixelFormatType_420YpCbCr8BiPlanarFullRange:
                let colour: Colour = pixels.isBT709 ? .bt709Full : .bt601Full
                self.init(
                    format: .nv12, width: width, height: height, planes: [locked.plane(0), locked.plane(1)],
                    colour: colour, keeper: locked)
            case kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange:
                let colour: Colour = pixels.isBT709 ? .bt709 : .bt601
                self.init(
                    format: .nv12, width: width, height: height, planes: [locked.plane(0), locked.plane(1)],
                    colour: colour, keeper: locked)
            case let other:
                throw PortraitError.frame(
                    "pixels of type \(other): set `videoSettings` of the output to 420YpCbCr8BiPlanarFullRange or 32BGRA")
            }
            self.timestamp = timestamp
            self.rotation = rotation
            self.mirrored = mirrored
        }
    }

    /// Pixels that the CPU may read as long as this is kept.
    private final class LockedPixels {
        private let pixels: CVPixelBuffer

        init(_ pixels: CVPixelBuffer) throws {
            self.pixels = pixels
            let answer = CVPixelBufferLockBaseAddress(pixels, .readOnly)
            if answer != kCVReturnSuccess {
                throw PortraitError.frame("the pixels cannot be read: CVPixelBufferLockBaseAddress answers \(answer)")
            }
        }

        deinit {
            CVPixelBufferUnlockBaseAddress(pixels, .readOnly)
        }

        /// Pixels without planes.
        var whole: Frame.Plane {
            let stride = CVPixelBufferGetBytesPerRow(pixels)
            let bytes = UnsafeRawBufferPointer(
                start: CVPixelBufferGetBaseAddress(pixels), count: stride * CVPixelBufferGetHeight(pixels))
            return Frame.Plane(bytes: bytes, stride: stride)
        }

        func plane(_ index: Int) -> Frame.Plane {
            let stride = CVPixelBufferGetBytesPerRowOfPlane(pixels, index)
            let bytes = UnsafeRawBufferPointer(
                start: CVPixelBufferGetBaseAddressOfPlane(pixels, index),
                count: stride * CVPixelBufferGetHeightOfPlane(pixels, index))
            return Frame.Plane(bytes: bytes, stride: stride)
        }
    }

    extension CVBuffer {
        /// Whether luma and chroma are those of BT.709; without a word about it they are those of BT.601.
        fileprivate var isBT709: Bool {
            let matrix = CVBufferCopyAttachment(self, kCVImageBufferYCbCrMatrixKey, nil) as? String
            return matrix == kCVImageBufferYCbCrMatrix_ITU_R_709_2 as String
        }
    }
#endif

import CPortrait
import Foundation

#if canImport(Metal)
    import Metal
#endif

/// A Metal texture of the app's that pictures are drawn into, without a copy: for an app that composes or records them itself.
public final class Texture: Sendable {
    let handle: UInt64

    /// `texture` is an `MTLTexture` of the system's default device: RGBA8 or BGRA8, one level, usage with `.renderTarget`. With `fill`
    /// all of it is filled, otherwise the picture is whole, with bars of this colour (red, green, blue, 0 to 1) around it.
    public init(
        engine: PortraitEngine, pointer texture: UnsafeMutableRawPointer, fill: Bool = true,
        bars: (Float, Float, Float) = (0, 0, 0)
    ) throws {
        var options = PortraitTextureOptions()
        options.struct_size = size(PortraitTextureOptions.self)
        options.kind = PORTRAIT_TEXTURE_KIND_METAL.rawValue
        options.metal = texture
        options.fit = (fill ? PORTRAIT_FIT_COVER : PORTRAIT_FIT_CONTAIN).rawValue
        options.bars = bars
        var opened: UInt64 = 0
        try check(portrait_texture_open(engine.handle, &options, &opened))
        handle = opened
    }

    #if canImport(Metal)
        /// As above.
        public convenience init(
            engine: PortraitEngine, texture: any MTLTexture, fill: Bool = true, bars: (Float, Float, Float) = (0, 0, 0)
        ) throws {
            let pointer = Unmanaged.passUnretained(texture as AnyObject).toOpaque()
            try self.init(engine: engine, pointer: pointer, fill: fill, bars: bars)
        }
    #endif

    deinit {
        _ = portrait_texture_release(handle)
    }
}

extension Session {
    /// Draws the newest picture that was not drawn yet, and waits until the GPU has done it; then the time stamp of the frame it was
    /// made of. Waits for a picture no longer than this. Nil: there is none, and the texture is as before.
    public func draw(into texture: Texture, timeout seconds: Double = 0) throws -> UInt64? {
        var timestamp: UInt64 = 0
        let status = portrait_session_draw_picture(handle, milliseconds(seconds), texture.handle, &timestamp)
        if status == PORTRAIT_STATUS_PENDING.rawValue {
            return nil
        }
        try check(status)
        return timestamp
    }
}

#if canImport(UIKit) && canImport(QuartzCore)
    import QuartzCore
    import UIKit

    /// Shows what a session makes, and keeps the session in step with the app (`AppLifecycle`).
    public final class PortraitView: UIView {
        /// The session that is shown; nil: none.
        public var session: Session? {
            didSet {
                guard session !== oldValue else { return }
                detach(from: oldValue)
                lifecycle = session.map { AppLifecycle($0, failed: failed) }
                attach()
            }
        }

        /// Hears what the library says, should it not be able to show or to follow the app. Set it before `session`.
        public var failed: @Sendable (any Error) -> Void = { _ in }

        private var lifecycle: AppLifecycle?
        private var attached = false

        override public class var layerClass: AnyClass { CAMetalLayer.self }

        /// The layer goes with the view.
        deinit {
            if attached {
                try? session?.surfaceDestroyed()
            }
        }

        override public func didMoveToWindow() {
            super.didMoveToWindow()
            if window == nil {
                detach(from: session)
            } else {
                contentScaleFactor = window?.screen.scale ?? contentScaleFactor
                attach()
            }
        }

        override public func layoutSubviews() {
            super.layoutSubviews()
            guard attached else { return attach() }
            tell {
                guard let session else { return }
                let state = try session.state
                if state.surface {
                    return try session.surfaceChanged(width: pixels.width, height: pixels.height)
                }
                // It was given up since: why, nobody has heard, and perhaps it can be drawn on now.
                attached = false
                if let why = state.surfaceFailure { failed(PortraitError.surface(why)) }
                attach()
            }
        }

        private var pixels: (width: Int, height: Int) {
            (Int(bounds.width * contentScaleFactor), Int(bounds.height * contentScaleFactor))
        }

        /// Draws on the layer from now on, as soon as there are session, window and size.
        private func attach() {
            guard let session, !attached, window != nil, pixels.width > 0, pixels.height > 0 else { return }
            tell {
                let layer = Unmanaged.passUnretained(layer).toOpaque()
                try session.surfaceCreated(layer, width: pixels.width, height: pixels.height)
                attached = true
            }
        }

        private func detach(from session: Session?) {
            guard attached else { return }
            attached = false
            tell { try session?.surfaceDestroyed() }
        }

        private func tell(_ call: () throws -> Void) {
            do { try call() } catch { failed(error) }
        }
    }
#endif

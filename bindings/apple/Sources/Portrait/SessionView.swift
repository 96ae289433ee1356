#if canImport(UIKit) && canImport(SwiftUI) && canImport(QuartzCore)
    import SwiftUI

    /// `PortraitView` for SwiftUI.
    public struct SessionView: UIViewRepresentable {
        private let session: Session?
        private let failed: @Sendable (any Error) -> Void

        /// - Parameters:
        ///   - session: what is shown; nil: nothing yet.
        ///   - failed: hears what the library says, should it not be able to show or to follow the app.
        public init(_ session: Session?, failed: @escaping @Sendable (any Error) -> Void = { _ in }) {
            self.session = session
            self.failed = failed
        }

        public func makeUIView(context: Context) -> PortraitView {
            PortraitView()
        }

        public func updateUIView(_ view: PortraitView, context: Context) {
            view.failed = failed
            view.session = session
        }

        public static func dismantleUIView(_ view: PortraitView, coordinator: ()) {
            view.session = nil
        }
    }
#endif

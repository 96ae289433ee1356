#if canImport(UIKit)
    import Foundation
    import UIKit

    /// Keeps a session in step with the app, as long as this is kept: pauses it in the background, gives memory back there and when that
    /// is short, and makes fewer pictures on a hot device. `PortraitView` has one; a session without a view needs its own.
    public final class AppLifecycle {
        private let observers: [any NSObjectProtocol]
        private let pause: Pause

        /// - Parameter failed: hears what the library says, should one of these calls fail.
        @MainActor
        public init(_ session: Session, failed: @escaping @Sendable (any Error) -> Void = { _ in }) {
            let pause = Pause()
            let tell: @Sendable (() throws -> Void) -> Void = { call in
                do { try call() } catch { failed(error) }
            }
            // Without a queue the call is made before the notification's sender goes on: once in the background, nothing may be
            // submitted to the GPU.
            let on: (Notification.Name, @escaping @Sendable (Session) throws -> Void) -> any NSObjectProtocol = { name, call in
                NotificationCenter.default.addObserver(forName: name, object: nil, queue: nil) { [weak session] _ in
                    guard let session else { return }
                    tell { try call(session) }
                }
            }
            self.pause = pause
            pause.observer = NotificationCenter.default.addObserver(
                forName: UIApplication.willEnterForegroundNotification, object: nil, queue: nil
            ) { [weak session] _ in
                guard pause.end(), let session else { return }
                tell { try session.unseen(false) }
            }
            let rest: @Sendable (Session) throws -> Void = { session in
                pause.begin()
                try session.unseen(true)
                // The system ends those in the background that have the most memory.
                try session.trim(.session)
            }
            observers = [
                on(UIApplication.didEnterBackgroundNotification, rest),
                on(UIApplication.didReceiveMemoryWarningNotification) { session in
                    try session.trim(session.state.paused ? .pipelines : .waiting)
                },
                on(ProcessInfo.thermalStateDidChangeNotification) { session in
                    try session.setThermal(.current)
                },
            ]
            tell { try session.setThermal(.current) }
            // It may have gone there while the session was opened.
            if UIApplication.shared.applicationState == .background {
                tell { try rest(session) }
            }
        }

        deinit {
            for observer in observers {
                NotificationCenter.default.removeObserver(observer)
            }
            pause.leave()
        }
    }

    extension Session.Thermal {
        /// What the system says now.
        fileprivate static var current: Session.Thermal {
            Session.Thermal(rawValue: UInt32(clamping: ProcessInfo.processInfo.thermalState.rawValue)) ?? .critical
        }
    }

    /// Whether the session rests because the app is in the background: then it goes on by itself, also where nobody follows the app for it
    /// any more. A pause of the app's own is another matter.
    private final class Pause: @unchecked Sendable {
        private let lock = NSLock()
        private var holds = false
        private var left = false

        /// Ends the pause. Set once, before anybody else knows of this.
        var observer: (any NSObjectProtocol)?

        func begin() {
            lock.withLock { holds = true }
        }

        /// Whether it held.
        func end() -> Bool {
            lock.withLock {
                defer { holds = false }
                if left { remove() }
                return holds
            }
        }

        /// Nobody begins one any more. In the background nothing may be submitted: one that holds is ended when the app is back.
        func leave() {
            lock.withLock {
                left = true
                if !holds { remove() }
            }
        }

        private func remove() {
            if let observer { NotificationCenter.default.removeObserver(observer) }
            observer = nil
        }
    }
#endif

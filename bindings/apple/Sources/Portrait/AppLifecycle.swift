#if canImport(UIKit)
    import Foundation
    import UIKit

    /// Keeps a session in step with the app, as long as this is kept: pauses it in the background, gives memory back when that is
    /// short, and makes fewer pictures on a hot device. `PortraitView` has one; a session without a view needs its own.
    public final class AppLifecycle {
        private let observers: [any NSObjectProtocol]

        /// - Parameter failed: hears what the library says, should one of these calls fail.
        @MainActor
        public init(_ session: Session, failed: @escaping @Sendable (any Error) -> Void = { _ in }) {
            /// The app has paused it, and not the host: then it may go on by itself.
            let paused = Flag()
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
            observers = [
                on(UIApplication.didEnterBackgroundNotification) { session in
                    guard try !session.state.paused else { return }
                    paused.set(true)
                    try session.pause()
                },
                on(UIApplication.willEnterForegroundNotification) { session in
                    guard paused.set(false) else { return }
                    try session.resume()
                },
                on(UIApplication.didReceiveMemoryWarningNotification) { session in
                    try session.trim(session.state.paused ? .pipelines : .waiting)
                },
                on(ProcessInfo.thermalStateDidChangeNotification) { session in
                    try session.setThermal(.current)
                },
            ]
            tell { try session.setThermal(.current) }
        }

        deinit {
            for observer in observers {
                NotificationCenter.default.removeObserver(observer)
            }
        }
    }

    extension Session.Thermal {
        /// What the system says now.
        fileprivate static var current: Session.Thermal {
            Session.Thermal(rawValue: UInt32(clamping: ProcessInfo.processInfo.thermalState.rawValue)) ?? .critical
        }
    }

    /// A truth that any thread may change.
    private final class Flag: @unchecked Sendable {
        private let lock = NSLock()
        private var value = false

        /// Sets it; what it was.
        @discardableResult
        func set(_ next: Bool) -> Bool {
            lock.withLock {
                defer { value = next }
                return value
            }
        }
    }
#endif

@_exported import CoreGraphics
@_exported import Foundation
@_exported import QuartzCore

@MainActor
public final class UIScreen {
    public var scale: CGFloat { 1 }
}

@MainActor
open class UIView {
    public init(frame: CGRect = .zero) {}
    public required init?(coder: NSCoder) {}
    open class var layerClass: AnyClass { CALayer.self }
    public var layer: CALayer { CALayer() }
    public var bounds: CGRect { .zero }
    public var contentScaleFactor: CGFloat = 1
    public var window: UIWindow? { nil }
    open func didMoveToWindow() {}
    open func layoutSubviews() {}
}

open class UIWindow: UIView {
    public var screen: UIScreen { UIScreen() }
}

public final class UIImage {
    public init?(data: Data) {}
    public var cgImage: CGImage? { nil }
}

@MainActor
public final class UIApplication {
    public enum State: Int, Sendable {
        case active, inactive, background
    }
    public static let shared = UIApplication()
    public var applicationState: State { .active }
    nonisolated public static let didEnterBackgroundNotification = Notification.Name("background")
    nonisolated public static let willEnterForegroundNotification = Notification.Name("foreground")
    nonisolated public static let didReceiveMemoryWarningNotification = Notification.Name("memory")
}

extension ProcessInfo {
    public enum ThermalState: Int, Sendable {
        case nominal, fair, serious, critical
    }
    public static let thermalStateDidChangeNotification = Notification.Name("thermal")
    public var thermalState: ThermalState { .nominal }
}

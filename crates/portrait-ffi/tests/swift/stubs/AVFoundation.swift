@_exported import CoreMedia
@_exported import Foundation

open class AVCaptureInput: NSObject {}
open class AVCaptureOutput: NSObject {}
public final class AVCaptureConnection: NSObject {}

public struct AVMediaType: Sendable {
    public static let video = AVMediaType()
}

public final class AVCaptureDevice: NSObject {
    public enum DeviceType: Sendable { case builtInWideAngleCamera }
    public enum Position: Int, Sendable { case unspecified, back, front }
    public static func `default`(_: DeviceType, for: AVMediaType?, position: Position) -> AVCaptureDevice? { nil }
    public static func requestAccess(for: AVMediaType) async -> Bool { false }
}

public final class AVCaptureDeviceInput: AVCaptureInput {
    public init(device: AVCaptureDevice) throws {}
}

public protocol AVCaptureVideoDataOutputSampleBufferDelegate: NSObjectProtocol {
    func captureOutput(_ output: AVCaptureOutput, didOutput sample: CMSampleBuffer, from connection: AVCaptureConnection)
}

public final class AVCaptureVideoDataOutput: AVCaptureOutput {
    public var videoSettings: [String: Any]! = [:]
    public var alwaysDiscardsLateVideoFrames = true
    public func setSampleBufferDelegate(_: (any AVCaptureVideoDataOutputSampleBufferDelegate)?, queue: DispatchQueue?) {}
}

public final class AVCaptureSession: NSObject {
    public struct Preset: Sendable {
        public static let vga640x480 = Preset()
    }
    public var sessionPreset = Preset.vga640x480
    public func beginConfiguration() {}
    public func commitConfiguration() {}
    public func canAddInput(_: AVCaptureInput) -> Bool { true }
    public func canAddOutput(_: AVCaptureOutput) -> Bool { true }
    public func addInput(_: AVCaptureInput) {}
    public func addOutput(_: AVCaptureOutput) {}
    public func startRunning() {}
    public func stopRunning() {}
}

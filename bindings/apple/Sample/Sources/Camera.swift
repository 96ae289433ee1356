import AVFoundation
import Portrait

/// The front camera, which drives a session as long as this is kept.
final class Camera: NSObject, AVCaptureVideoDataOutputSampleBufferDelegate, @unchecked Sendable {
    private let capture = AVCaptureSession()
    private let queue = DispatchQueue(label: "camera")
    private let session: Session
    private let failed: @Sendable (any Error) -> Void

    init(driving session: Session, failed: @escaping @Sendable (any Error) -> Void) async throws {
        self.session = session
        self.failed = failed
        super.init()
        guard await AVCaptureDevice.requestAccess(for: .video) else {
            throw Unusable("The camera may not be used: allow it in Settings.")
        }
        guard let device = AVCaptureDevice.default(.builtInWideAngleCamera, for: .video, position: .front) else {
            throw Unusable("This device has no front camera.")
        }
        let input = try AVCaptureDeviceInput(device: device)
        let output = AVCaptureVideoDataOutput()
        // What the sensor gives; the GPU turns, mirrors and converts it.
        output.videoSettings = [kCVPixelBufferPixelFormatTypeKey as String: kCVPixelFormatType_420YpCbCr8BiPlanarFullRange]
        output.setSampleBufferDelegate(self, queue: queue)
        capture.beginConfiguration()
        capture.sessionPreset = .vga640x480
        if capture.canAddInput(input) { capture.addInput(input) }
        if capture.canAddOutput(output) { capture.addOutput(output) }
        capture.commitConfiguration()
        // Waits for the camera, so not on the main thread.
        queue.async { self.capture.startRunning() }
    }

    deinit {
        capture.stopRunning()
    }

    func captureOutput(_ output: AVCaptureOutput, didOutput sample: CMSampleBuffer, from connection: AVCaptureConnection) {
        do {
            try session.push(Frame(sample, rotation: 90, mirrored: true))
        } catch {
            failed(error)
        }
    }
}

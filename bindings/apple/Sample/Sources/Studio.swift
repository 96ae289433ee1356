import Portrait
import SwiftUI
import UIKit

/// What the app shows, and how far it is.
@MainActor
final class Studio: ObservableObject {
    /// What is on the screen, once it is there.
    @Published var session: Session?
    /// How far opening is, 0 to 1; nil: done.
    @Published var progress: Float? = 0
    /// What went wrong.
    @Published var message: String?

    private var camera: Camera?

    /// Engine, avatar, session, camera, in this order.
    func open() async {
        do {
            let weights = try resource("portrait_s", "safetensors")
            let engine = try await PortraitEngine(weights: .file(weights)) { [weak self] done, _ in
                Task { @MainActor in self?.progress = 0.6 * done }
            }
            let image = UIImage(data: try Data(contentsOf: resource("astronaut", "png")))?.cgImage
            guard let photo = image.flatMap(Photo.init) else { throw Unusable("the photo cannot be read") }
            let avatar = try await Avatar(engine: engine, photo: photo, face: .largest)
            // The camera's 640 × 480, upright.
            var options = Session.Options(frameWidth: 480, frameHeight: 640)
            options.pictureSide = 512
            let session = try await Session(engine: engine, avatar: avatar, options: options)
            self.session = session
            progress = 0.9
            try await session.opened()
            camera = try await Camera(driving: session) { [weak self] error in
                Task { @MainActor in self?.message = error.localizedDescription }
            }
        } catch {
            message = error.localizedDescription
        }
        progress = nil
    }

    private func resource(_ name: String, _ type: String) throws -> URL {
        guard let file = Bundle.main.url(forResource: name, withExtension: type) else {
            throw Unusable("\(name).\(type) is not in the app's bundle")
        }
        return file
    }
}

/// Something of the app's, not of the library's.
struct Unusable: LocalizedError {
    let errorDescription: String?

    init(_ description: String) {
        errorDescription = description
    }
}

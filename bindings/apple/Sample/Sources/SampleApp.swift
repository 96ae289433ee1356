import Portrait
import SwiftUI

/// The bundled portrait, moved by the front camera.
@main
struct SampleApp: App {
    @StateObject private var studio = Studio()

    var body: some Scene {
        WindowGroup {
            ZStack {
                SessionView(studio.session)
                    .ignoresSafeArea()
                VStack {
                    if let progress = studio.progress {
                        ProgressView(value: Double(progress))
                    }
                    if let message = studio.message {
                        Text(message)
                    }
                }
                .padding()
            }
            .task { await studio.open() }
        }
    }
}

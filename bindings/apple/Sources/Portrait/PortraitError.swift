import CPortrait
import Foundation

/// A call of the library failed; `message` says why and what to do.
public struct PortraitError: Error, LocalizedError, CustomStringConvertible, Sendable {
    /// The number of the failure: a `PortraitStatus` of `portrait.h`.
    public let status: UInt32
    /// Why, and the way out.
    public let message: String

    public var errorDescription: String? { message }
    public var description: String { message }

    /// A frame that the library could not be given.
    static func frame(_ message: String) -> PortraitError {
        PortraitError(status: PORTRAIT_STATUS_FRAME.rawValue, message: message)
    }

    /// A surface that was given up.
    static func surface(_ message: String) -> PortraitError {
        PortraitError(status: PORTRAIT_STATUS_SURFACE.rawValue, message: message)
    }
}

/// Throws what the library says of this thread's last call, unless that was successful.
func check(_ status: UInt32) throws {
    if status != PORTRAIT_STATUS_OK.rawValue {
        throw PortraitError(status: status, message: String(cString: portrait_last_error()))
    }
}

/// Runs what waits for the GPU or a file apart from Swift's own few threads, which must not be held up.
func waiting<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global(qos: .userInitiated).async {
            continuation.resume(with: Swift.Result(catching: work))
        }
    }
}

/// A time to wait as the library takes it: what is no number, or below zero, is none.
func milliseconds(_ seconds: Double) -> UInt32 {
    seconds > 0 ? UInt32(min(seconds * 1000, Double(UInt32.max))) : 0
}

/// The size of a structure as C counts it.
func size<Structure>(_: Structure.Type) -> UInt32 {
    UInt32(MemoryLayout<Structure>.stride)
}

/// The text in an array of characters of a C structure.
func text<Characters>(_ characters: Characters) -> String {
    withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
}

@_exported import CoreVideo

public final class CMSampleBuffer {}
public struct CMTime {}
public func CMSampleBufferGetImageBuffer(_: CMSampleBuffer) -> CVImageBuffer? { nil }
public func CMSampleBufferGetPresentationTimeStamp(_: CMSampleBuffer) -> CMTime { CMTime() }
public func CMTimeGetSeconds(_: CMTime) -> Double { 0 }

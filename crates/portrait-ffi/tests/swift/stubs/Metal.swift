// Stands in for Apple's Metal: what the package uses of it.
public protocol MTLTexture: AnyObject {}

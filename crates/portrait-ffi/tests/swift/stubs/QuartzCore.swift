open class CALayer {
    public init() {}
}

open class CAMetalLayer: CALayer {}

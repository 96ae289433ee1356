package org.portrait

import java.nio.ByteBuffer

/** A frame of a camera, in direct buffers. Nothing is converted by the CPU. */
class Frame private constructor(
    internal val format: Int,
    internal val width: Int,
    internal val height: Int,
    internal val stride: Int,
    internal val chromaStride: Int,
    internal val chromaStep: Int,
    vararg given: ByteBuffer,
) {
    /** What luma and chroma mean; without meaning for RGBA and BGRA. */
    enum class Colour {
        /** BT.601, all values used, as phones' cameras give it. */
        BT601_FULL,

        /** BT.601, luma from 16 to 235. */
        BT601,

        /** BT.709, all values used. */
        BT709_FULL,

        /** BT.709, luma from 16 to 235: most videos. */
        BT709,
    }

    /** As many as the format has; the last ones are null. */
    internal val planes = Array(3) { i -> given.getOrNull(i)?.let { Native.direct(it, "planes[$i]") } }

    /** What luma and chroma mean. */
    var colour = Colour.BT601_FULL

    /** Degrees clockwise that make it upright: 0, 90, 180 or 270. CameraX's `rotationDegrees`. */
    var rotation = 0

    /** Whether to mirror it left to right, once upright: front cameras. */
    var mirrored = false

    /** When it was taken, in nanoseconds of any clock that does not run backwards. */
    var timestamp = 0L

    companion object {
        /** Red, green, blue, alpha; [stride] bytes from row to row. */
        @JvmStatic
        @JvmOverloads
        fun rgba(pixels: ByteBuffer, width: Int, height: Int, stride: Int = 4 * width): Frame =
            Frame(0, width, height, stride, 0, 0, pixels)

        /** Blue, green, red, alpha; [stride] bytes from row to row. */
        @JvmStatic
        @JvmOverloads
        fun bgra(pixels: ByteBuffer, width: Int, height: Int, stride: Int = 4 * width): Frame =
            Frame(1, width, height, stride, 0, 0, pixels)

        /** Luma; blue and red chroma in turns. Strides are bytes from row to row. */
        @JvmStatic
        fun nv12(luma: ByteBuffer, stride: Int, chroma: ByteBuffer, chromaStride: Int, width: Int, height: Int): Frame =
            Frame(2, width, height, stride, chromaStride, 2, luma, chroma)

        /** Luma; red and blue chroma in turns. Strides are bytes from row to row. */
        @JvmStatic
        fun nv21(luma: ByteBuffer, stride: Int, chroma: ByteBuffer, chromaStride: Int, width: Int, height: Int): Frame =
            Frame(3, width, height, stride, chromaStride, 2, luma, chroma)

        /**
         * Android's `YUV_420_888`: the three planes of an `Image`, their `rowStride` and the `pixelStride` of the chroma planes. Of number
         * 100 to the library, which then finds out how chroma lies.
         */
        @JvmStatic
        fun yuv420(
            luma: ByteBuffer, stride: Int, blue: ByteBuffer, red: ByteBuffer, chromaStride: Int, chromaStep: Int, width: Int,
            height: Int,
        ): Frame = Frame(100, width, height, stride, chromaStride, chromaStep, luma, blue, red)
    }
}

package org.portrait;

import java.nio.ByteBuffer;

/** A frame of a camera, in direct buffers. Nothing is converted by the CPU. */
public final class Frame {
    static final int RGBA = 0;
    static final int BGRA = 1;
    static final int NV12 = 2;
    static final int NV21 = 3;
    static final int I420 = 4;
    static final int YUV_420_888 = 100;

    /** Colours of luma and chroma: BT.601, all values used, as phones' cameras give it. */
    public static final int BT601_FULL = 0;
    /** BT.601, luma from 16 to 235. */
    public static final int BT601 = 1;
    /** BT.709, all values used. */
    public static final int BT709_FULL = 2;
    /** BT.709, luma from 16 to 235: most videos. */
    public static final int BT709 = 3;

    final int format;
    final int width;
    final int height;
    final ByteBuffer[] planes;
    final int stride;
    final int chromaStride;
    final int chromaStep;
    int colour;
    int rotation;
    boolean mirror;
    long timestamp;

    private Frame(int format, int width, int height, int stride, int chromaStride, int chromaStep, ByteBuffer... planes) {
        this.format = format;
        this.width = width;
        this.height = height;
        this.stride = stride;
        this.chromaStride = chromaStride;
        this.chromaStep = chromaStep;
        this.planes = new ByteBuffer[3];
        for (int i = 0; i < planes.length; i++) {
            this.planes[i] = Native.direct(planes[i], "planes[" + i + "]");
        }
    }

    /** Red, green, blue, alpha; {@code stride} bytes from row to row. */
    public static Frame rgba(ByteBuffer pixels, int width, int height, int stride) {
        return new Frame(RGBA, width, height, stride, 0, 0, pixels);
    }

    /** Blue, green, red, alpha; {@code stride} bytes from row to row. */
    public static Frame bgra(ByteBuffer pixels, int width, int height, int stride) {
        return new Frame(BGRA, width, height, stride, 0, 0, pixels);
    }

    /** Luma; blue and red chroma in turns. */
    public static Frame nv12(ByteBuffer luma, int stride, ByteBuffer chroma, int chromaStride, int width, int height) {
        return new Frame(NV12, width, height, stride, chromaStride, 2, luma, chroma);
    }

    /** Luma; red and blue chroma in turns. */
    public static Frame nv21(ByteBuffer luma, int stride, ByteBuffer chroma, int chromaStride, int width, int height) {
        return new Frame(NV21, width, height, stride, chromaStride, 2, luma, chroma);
    }

    /**
     * Android's {@code YUV_420_888}: the three planes of an {@code Image}, their {@code getRowStride} and the {@code getPixelStride} of
     * the chroma planes.
     */
    public static Frame yuv420(
            ByteBuffer luma, int stride, ByteBuffer blue, ByteBuffer red, int chromaStride, int chromaStep, int width,
            int height) {
        return new Frame(YUV_420_888, width, height, stride, chromaStride, chromaStep, luma, blue, red);
    }

    /** Colours of luma and chroma, {@code BT…}; {@link #BT601_FULL} unless said otherwise. */
    public Frame colour(int colour) {
        this.colour = colour;
        return this;
    }

    /** Degrees clockwise that make it upright: 0, 90, 180 or 270. CameraX's {@code getRotationDegrees}. */
    public Frame rotated(int degrees) {
        rotation = degrees;
        return this;
    }

    /** Mirrors it left to right, once upright: front cameras. */
    public Frame mirrored() {
        mirror = true;
        return this;
    }

    /** When it was taken, in nanoseconds of any clock that does not run backwards. */
    public Frame at(long nanoseconds) {
        timestamp = nanoseconds;
        return this;
    }
}

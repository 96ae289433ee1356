package org.portrait;

/** A call of the library failed; the message says why and what to do. */
public final class PortraitException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** A null, a number out of range. */
    public static final int INVALID_ARGUMENT = 2;
    /** An object that never was, or of another kind. */
    public static final int INVALID_HANDLE = 3;
    /** The object was closed. */
    public static final int RELEASED = 4;
    /** No usable GPU or driver, or one that computes wrong pictures. */
    public static final int NO_ADAPTER = 5;
    /** Weights that are damaged or do not fit. */
    public static final int WEIGHTS = 6;
    /** No face in the photo. */
    public static final int NO_FACE = 7;
    /** Several faces in the photo, and none was chosen. */
    public static final int SEVERAL_FACES = 8;
    /** An avatar that is damaged or made with other weights. */
    public static final int AVATAR = 9;
    /** A frame or photo whose size, planes or strides do not fit. */
    public static final int FRAME = 10;
    /** The GPU failed or is gone: close everything and open a new engine. */
    public static final int DEVICE = 11;
    /** A surface that nothing can be shown on. */
    public static final int SURFACE = 12;
    /** A file cannot be read or written. */
    public static final int IO = 13;
    /** Not in this version, or not on this platform. */
    public static final int UNSUPPORTED = 14;
    /** The memory given is too small. */
    public static final int BUFFER_TOO_SMALL = 15;
    /** A fault in the library; please report the text. */
    public static final int INTERNAL = 16;

    private final int status;

    PortraitException(int status, String message) {
        super(message);
        this.status = status;
    }

    /** Which failure: one of the numbers above. */
    public int status() {
        return status;
    }
}

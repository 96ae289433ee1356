package org.portrait

/** A call of the library failed; the message says why and what to do. */
class PortraitException internal constructor(
    /** Which failure. */
    val status: Status,
    message: String,
) : RuntimeException(message) {
    /** What can fail. */
    enum class Status(internal val number: Int) {
        /** A null, a number out of range. */
        INVALID_ARGUMENT(2),

        /** An object that never was, or of another kind. */
        INVALID_HANDLE(3),

        /** The object was closed. */
        RELEASED(4),

        /** No usable GPU or driver, or one that computes wrong pictures. */
        NO_ADAPTER(5),

        /** Weights that are damaged or do not fit. */
        WEIGHTS(6),

        /** No face in the photo. */
        NO_FACE(7),

        /** Several faces in the photo, and none was chosen. */
        SEVERAL_FACES(8),

        /** An avatar that is damaged or made with other weights. */
        AVATAR(9),

        /** A frame or photo whose size, planes or strides do not fit. */
        FRAME(10),

        /** The GPU failed or is gone: close everything and open a new engine. */
        DEVICE(11),

        /** A surface that nothing can be shown on. */
        SURFACE(12),

        /** A file cannot be read or written. */
        IO(13),

        /** Not in this version, or not on this platform. */
        UNSUPPORTED(14),

        /** The memory given is too small. */
        BUFFER_TOO_SMALL(15),

        /** A fault in the library; please report the text. */
        INTERNAL(16),
        ;

        internal companion object {
            fun of(number: Int) = entries.find { it.number == number } ?: INTERNAL
        }
    }
}

package org.portrait

import android.graphics.Bitmap
import java.nio.ByteBuffer

/** A photo, ready to be animated. Any thread may call; [close] may be called again. */
class Avatar private constructor(internal val handle: Long) : AutoCloseable {
    /** Which of several faces in a photo. */
    sealed interface Face {
        /** The only one; several are an error. */
        data object Only : Face

        /** The largest one. */
        data object Largest : Face

        /** The one nearest to this place, in pixels of the photo from the left and from the top. */
        data class At(val x: Float, val y: Float) : Face
    }

    /** Side of the animated square in pixels of the pictures. */
    val side: Int get() = info().getLong(0).toInt()

    /** Longer side of the face in pixels of the photo. */
    val faceSize: Float get() = info().getDouble(24).toFloat()

    private fun info(): ByteBuffer {
        val out = Native.numbers(5)
        Native.check(Native.avatarInfo(handle, out))
        return out
    }

    /** The avatar for a file; [read] takes it. */
    fun toBytes(): ByteArray {
        val out = Native.numbers(1)
        val status = Native.avatarWrite(handle, null, out)
        if (status != PortraitException.Status.BUFFER_TOO_SMALL.number) Native.check(status)
        val data = ByteBuffer.allocateDirect(out.getLong(0).toInt())
        Native.check(Native.avatarWrite(handle, data, out))
        return ByteArray(data.capacity()).also { data.get(it) }
    }

    /** Releases the avatar; sessions of it go on. */
    override fun close() = Native.check(Native.avatarRelease(handle))

    companion object {
        /**
         * Makes an avatar of a photo: RGBA without gaps, upright, in a direct buffer. With [wholePhoto] the centre square of the photo is
         * animated instead of a crop around the face. Waits for the engine and the GPU: not for the main thread.
         */
        @JvmStatic
        @JvmOverloads
        fun prepare(
            engine: Engine, rgba: ByteBuffer, width: Int, height: Int, face: Face = Face.Largest, wholePhoto: Boolean = false,
        ): Avatar = prepare(engine, rgba, width, height, 4 * width, face, wholePhoto)

        /** The same of a bitmap. */
        @JvmStatic
        @JvmOverloads
        fun prepare(engine: Engine, photo: Bitmap, face: Face = Face.Largest, wholePhoto: Boolean = false): Avatar {
            // What else there is, the GPU's own memory among it, cannot be read as it is.
            val plain = photo.config == Bitmap.Config.ARGB_8888
            val readable = if (plain) photo else photo.copy(Bitmap.Config.ARGB_8888, false)
            requireNotNull(readable) { "the photo's pixels, ${photo.config}, cannot be read" }
            val rgba = ByteBuffer.allocateDirect(readable.rowBytes * readable.height)
            readable.copyPixelsToBuffer(rgba.duplicate())
            return prepare(engine, rgba, readable.width, readable.height, readable.rowBytes, face, wholePhoto)
        }

        private fun prepare(
            engine: Engine, rgba: ByteBuffer, width: Int, height: Int, stride: Int, face: Face, wholePhoto: Boolean,
        ): Avatar {
            val pixels = Native.direct(rgba, "rgba")
            val (number, x, y) = when (face) {
                Face.Only -> Triple(0, 0f, 0f)
                Face.Largest -> Triple(1, 0f, 0f)
                is Face.At -> Triple(2, face.x, face.y)
            }
            val handle = Native.handle { out ->
                Native.avatarPrepare(engine.handle, pixels, width, height, stride, number, x, y, wholePhoto, out)
            }
            return Avatar(handle)
        }

        /** Reads what [toBytes] wrote: milliseconds instead of the seconds of [prepare]. */
        @JvmStatic
        fun read(bytes: ByteArray): Avatar {
            val data = ByteBuffer.allocateDirect(bytes.size).put(bytes)
            return Avatar(Native.handle { out -> Native.avatarRead(data, out) })
        }
    }
}

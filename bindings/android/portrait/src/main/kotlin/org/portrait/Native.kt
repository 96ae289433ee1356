package org.portrait

import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.portrait.PortraitException.Status

/** The library's calls as they are. Each returns a status; [check] makes exceptions of it. */
internal object Native {
    const val OK = 0
    const val PENDING = 1

    init {
        System.loadLibrary("portrait_jni")
    }

    @JvmStatic external fun lastError(): String

    @JvmStatic external fun engineOpen(
        weightsFile: ByteBuffer?, weights: ByteBuffer?, preset: ByteBuffer?, adapter: ByteBuffer?, cacheDirectory: ByteBuffer?,
        precision: Int, untested: Boolean, share: Long, out: ByteBuffer,
    ): Int

    @JvmStatic external fun engineWait(engine: Long, milliseconds: Int): Int

    @JvmStatic external fun engineProgress(engine: Long, out: ByteBuffer): String

    @JvmStatic external fun engineInfo(engine: Long, out: ByteBuffer): String?

    @JvmStatic external fun engineSelfTest(engine: Long, out: ByteBuffer): String?

    @JvmStatic external fun engineRelease(engine: Long): Int

    @JvmStatic external fun avatarPrepare(
        engine: Long, pixels: ByteBuffer, width: Int, height: Int, stride: Int, face: Int, x: Float, y: Float, whole: Boolean,
        out: ByteBuffer,
    ): Int

    @JvmStatic external fun avatarRead(data: ByteBuffer, out: ByteBuffer): Int

    @JvmStatic external fun avatarWrite(avatar: Long, data: ByteBuffer?, out: ByteBuffer): Int

    @JvmStatic external fun avatarInfo(avatar: Long, out: ByteBuffer): Int

    @JvmStatic external fun avatarRelease(avatar: Long): Int

    @JvmStatic external fun sessionOpen(
        engine: Long, avatar: Long, framing: Int, width: Int, height: Int, photo: ByteBuffer?, photoWidth: Int, photoHeight: Int,
        rate: Float, pictures: Boolean, motion: ByteBuffer, coolEngine: Long, coolAvatar: Long, pictureSide: Int, out: ByteBuffer,
    ): Int

    @JvmStatic external fun sessionPush(
        session: Long, format: Int, colour: Int, width: Int, height: Int, first: ByteBuffer?, second: ByteBuffer?,
        third: ByteBuffer?, stride: Int, chromaStride: Int, chromaStep: Int, rotation: Int, mirror: Boolean, timestamp: Long,
        loan: Long,
    ): Int

    @JvmStatic external fun loanReturned(): Long

    @JvmStatic external fun sessionPushAudio(session: Long, samples: ShortArray, offset: Int, length: Int, timestamp: Long): Int

    @JvmStatic external fun sessionInterruptAudio(session: Long): Int

    @JvmStatic external fun sessionTakePicture(session: Long, milliseconds: Int, pixels: ByteBuffer, out: ByteBuffer): Int

    @JvmStatic external fun sessionSetMotion(session: Long, motion: ByteBuffer): Int

    @JvmStatic external fun sessionRecalibrate(session: Long): Int

    @JvmStatic external fun sessionPause(session: Long): Int

    @JvmStatic external fun sessionResume(session: Long): Int

    @JvmStatic external fun sessionSetThermal(session: Long, thermal: Int): Int

    @JvmStatic external fun sessionTrim(session: Long, trim: Int): Int

    @JvmStatic external fun sessionStatus(session: Long, out: ByteBuffer): Int

    @JvmStatic external fun sessionWindowFailure(session: Long, out: ByteBuffer): String?

    @JvmStatic external fun sessionRelease(session: Long): Int

    @JvmStatic external fun surfaceCreated(
        session: Long, surface: Any, width: Int, height: Int, fit: Int, red: Float, green: Float, blue: Float,
    ): Int

    @JvmStatic external fun surfaceChanged(session: Long, width: Int, height: Int): Int

    @JvmStatic external fun surfaceDestroyed(session: Long): Int

    /** Throws what the library says, unless the call was successful. */
    fun check(status: Int) {
        if (status != OK) throw PortraitException(Status.of(status), lastError())
    }

    /** Room for this many numbers of a call. */
    fun numbers(count: Int): ByteBuffer = ByteBuffer.allocateDirect(8 * count).order(ByteOrder.nativeOrder())

    /** A handle that a call writes. */
    inline fun handle(call: (out: ByteBuffer) -> Int): Long {
        val out = numbers(1)
        check(call(out))
        return out.getLong(0)
    }

    /** What a call tells, whose status it writes. */
    inline fun told(call: (out: ByteBuffer) -> String?): String {
        val out = numbers(1)
        val told = call(out)
        check(out.getLong(0).toInt())
        return told.orEmpty()
    }

    /** A text as the library takes it: with a zero at its end. */
    fun text(text: String): ByteBuffer {
        val bytes = text.toByteArray()
        return ByteBuffer.allocateDirect(bytes.size + 1).put(bytes).put(0)
    }

    /** What is between a buffer's position and its limit, in memory that the library can see. */
    fun direct(buffer: ByteBuffer, name: String): ByteBuffer {
        require(buffer.isDirect) { "`$name` has to be a direct buffer: ByteBuffer.allocateDirect" }
        return if (buffer.position() == 0 && buffer.limit() == buffer.capacity()) buffer else buffer.slice()
    }
}

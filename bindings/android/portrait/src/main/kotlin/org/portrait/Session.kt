package org.portrait

import android.view.Surface
import java.nio.ByteBuffer

/**
 * One avatar driven by one camera or by speech, in a thread of the library's. Any thread may call, and no call waits for the GPU unless
 * it says so. [close] may be called again.
 */
class Session private constructor(private val handle: Long) : AutoCloseable {
    /** What pictures show. */
    sealed interface Framing {
        /** The animated square. */
        data object Square : Framing

        /** The person alone, transparent around. */
        data object CutOut : Framing

        /**
         * The whole photo that the avatar was made of, the animated square blended back into it: RGBA without gaps, upright, in a direct
         * buffer.
         */
        class Photo(rgba: ByteBuffer, internal val width: Int, internal val height: Int) : Framing {
            internal val rgba = Native.direct(rgba, "rgba")
        }
    }

    /** What takes over when the device is critically hot: an engine of [Engine.sibling], and an avatar for it. */
    class Cool(internal val engine: Engine, internal val avatar: Avatar)

    /** How a session runs. */
    class Options(
        /** What pictures show. */
        var framing: Framing = Framing.Square,
        /** Width of the frames to expect, once upright; others are taken too. 0: not known before the first, which then takes longer. */
        var frameWidth: Int = 0,
        /** Their height. */
        var frameHeight: Int = 0,
        /**
         * Side of the pictures in pixels where they show the square or the person cut out, from the preset's own side (256) on; 0: that.
         * A larger one is sharper where the photo is, up to 1024.
         */
        var pictureSide: Int = 0,
        /** Most pictures a second; 0: as many as frames, and 30 of speech. */
        var rate: Float = 0f,
        /** Copies each picture to memory, for [takePicture]. A surface does not need that. */
        var pictures: Boolean = true,
        /** How the driver's motion is taken over, from the first frame on. */
        var motion: Motion = Motion(),
        /** What takes over when the device is critically hot; null: nothing. */
        var cool: Cool? = null,
    )

    /** How the driver's motion is taken over. Factors are of relative motion and go from 0 to 10; 1 is the driver's own. */
    data class Motion(
        /** On all of it. */
        var strength: Float = 1f,
        /** On what the head does as a whole. */
        var headGain: Float = 1f,
        /** On everything else that the face does. */
        var expressionGain: Float = 1f,
        /** A further one on lids. */
        var eyeGain: Float = 1f,
        /** A further one on lips. */
        var mouthGain: Float = 1f,
        /** Takes over the driver's pose as it is, instead of how it differs from the driver's neutral pose. */
        var absolute: Boolean = false,
        /** Leaves out the smoothing. */
        var raw: Boolean = false,
    ) {
        internal fun told(): ByteBuffer {
            val factors = listOf(strength, headGain, expressionGain, eyeGain, mouthGain)
            val numbers = factors + listOf(absolute, raw).map { if (it) 1f else 0f }
            return Native.numbers(numbers.size).apply { numbers.forEach { putDouble(it.toDouble()) } }
        }
    }

    /** How hot the device is. */
    enum class Thermal {
        /** As it should be. */
        NOMINAL,

        /** At most 30 pictures a second. */
        FAIR,

        /** At most 15. */
        SERIOUS,

        /** At most 10, made by [Options.cool] where that is given. */
        CRITICAL,
    }

    /** How much memory to give back. */
    enum class Trim {
        /** Frames and pictures that wait. */
        WAITING,

        /** Also everything the session has on the GPU; the next frame makes it again. */
        SESSION,

        /** Also the engine's compiled pipelines. */
        PIPELINES,
    }

    /** What the session does. Never waits. */
    val status: SessionStatus
        get() {
            val out = Native.numbers(SessionStatus.NUMBERS)
            Native.check(Native.sessionStatus(handle, out))
            return SessionStatus(out)
        }

    /** Why the last surface was given up; null where none was since the last one that could be drawn on. Never waits. */
    val surfaceFailure: String?
        get() = Native.told { out -> Native.sessionWindowFailure(handle, out) }.ifEmpty { null }

    /**
     * Gives the newest frame of the driver; an older one that was not begun yet is dropped. False, and no exception, after the session was
     * closed: cameras go on for a moment.
     *
     * Without [release] the frame is copied before the call returns. With it the library reads the frame's buffers until it has run
     * [release], which is before the GPU begins. It is run once, whatever comes of the call, an exception too, in a thread for this alone: it
     * should be short, as `image.close()` is. A camera that gives no frame before the last one is closed, as CameraX by itself, is slowed
     * down by this.
     */
    @JvmOverloads
    fun push(frame: Frame, release: Runnable? = null): Boolean {
        val loan = if (release == null) 0 else Loans.lend(frame.planes, release)
        val status = with(frame) {
            Native.sessionPush(
                handle, format, colour.ordinal, width, height, planes[0], planes[1], planes[2], stride, chromaStride, chromaStep,
                rotation, mirrored, timestamp, loan,
            )
        }
        return taken(status)
    }

    private fun taken(status: Int): Boolean {
        if (status == PortraitException.Status.RELEASED.number) return false
        Native.check(status)
        return true
    }

    /**
     * Gives speech that moves the mouth: 16 kHz, one channel, as `AudioRecord` reads and `AudioTrack` writes it in 16 bits; a whole
     * sentence, or pieces as they come. The samples are copied. False, and no exception, after the session was closed.
     *
     * From then on the session makes pictures by itself, and the face idles where nothing is said; an empty array begins that without a
     * word. A frame that is pushed ends it. The first sample is seen 300 ms after it was pushed, and each after it by as much later as it
     * comes later in the sound: play each 300 ms after its push. [timestamp] is when the first of these samples is, in nanoseconds of a
     * clock of yours; pictures have that of the moment they show.
     *
     * A minute may wait, 960,000 samples: of more nothing is taken, and it is a [PortraitException]. A pause drops what was not shown
     * yet, and what is pushed during one.
     */
    @JvmOverloads
    fun pushAudio(samples: ShortArray, timestamp: Long, offset: Int = 0, length: Int = samples.size - offset): Boolean {
        require(offset in 0..samples.size && length in 0..samples.size - offset) {
            "$length samples from $offset on are not all among the ${samples.size} of `samples`"
        }
        return taken(Native.sessionPushAudio(handle, samples, offset, length, timestamp))
    }

    /**
     * Drops the speech that was not shown yet, as when somebody speaks into it: the mouth shuts within a tenth of a second, and the face
     * idles. Nothing where no speech drives.
     */
    fun interruptAudio() = Native.check(Native.sessionInterruptAudio(handle))

    /**
     * Copies the newest picture that was not taken yet, RGBA without gaps, into a direct buffer; waits for one no longer than this many
     * milliseconds. The time stamp of its frame, of speech that of the moment it shows by the clock of [pushAudio]; null where there is
     * none.
     */
    @JvmOverloads
    fun takePicture(rgba: ByteBuffer, milliseconds: Int = 0): Long? {
        val out = Native.numbers(3)
        val status = Native.sessionTakePicture(handle, milliseconds, Native.direct(rgba, "rgba"), out)
        if (status == Native.PENDING) return null
        Native.check(status)
        return out.getLong(16)
    }

    /** How motion is taken over from the next frame on. */
    fun setMotion(motion: Motion) = Native.check(Native.sessionSetMotion(handle, motion.told()))

    /**
     * Takes the pose of the next moment as the driver's neutral one: of the frames of the next 0.3 seconds with a face the one most like
     * the photo's, so that a blink is passed over.
     */
    fun recalibrate() = Native.check(Native.sessionRecalibrate(handle))

    /** Stops making pictures, and waits for the frame at hand, but not for a session to open: afterwards nothing is submitted to the GPU. */
    fun pause() = rest { told = true }

    /** Goes on after [pause]; where [AppLifecycle] has paused it, too, not before its activity is seen. */
    fun resume() = rest { told = false }

    /** Whether nobody sees it, which pauses it as well. */
    internal fun unseen(now: Boolean) = rest { unseen = now }

    /** Whether the app has paused it. It goes on when neither this nor the other holds. */
    private var told = false
    private var unseen = false

    @Synchronized
    private fun rest(change: () -> Unit) {
        change()
        Native.check(if (told || unseen) Native.sessionPause(handle) else Native.sessionResume(handle))
    }

    /** How hot the device is: fewer pictures a second first, then [Options.cool]. */
    fun setThermal(thermal: Thermal) = Native.check(Native.sessionSetThermal(handle, thermal.ordinal))

    /** Gives memory back; waits until that is done, but not for a session to open. */
    fun trim(level: Trim) = Native.check(Native.sessionTrim(handle, level.ordinal))

    /**
     * Draws every picture on a surface of this size in pixels from now on; with [cover] all of it is filled, otherwise the picture is whole,
     * with black bars around it. Waits for nothing, unless there is another surface. [PortraitView] does that by itself.
     */
    @JvmOverloads
    fun surfaceCreated(surface: Surface, width: Int, height: Int, cover: Boolean = true) =
        Native.check(Native.surfaceCreated(handle, surface, width, height, if (cover) 1 else 0, 0f, 0f, 0f))

    /** Fits pictures to a surface of another size in pixels. Waits for nothing. */
    fun surfaceChanged(width: Int, height: Int) = Native.check(Native.surfaceChanged(handle, width, height))

    /** Draws on no surface any more; waits until it is no longer in use, but not for a session to open. */
    fun surfaceDestroyed() = Native.check(Native.surfaceDestroyed(handle))

    /** Releases the session and waits for its thread, also where another thread is releasing it. */
    override fun close() = Native.check(Native.sessionRelease(handle))

    companion object {
        /** Starts a session. Waits for the engine; frames may be pushed at once. */
        @JvmStatic
        @JvmOverloads
        fun open(engine: Engine, avatar: Avatar, options: Options = Options()): Session {
            val photo = options.framing as? Framing.Photo
            val framing = when (options.framing) {
                Framing.Square -> 0
                is Framing.Photo -> 1
                Framing.CutOut -> 2
            }
            val handle = with(options) {
                Native.handle { out ->
                    Native.sessionOpen(
                        engine.handle, avatar.handle, framing, frameWidth, frameHeight, photo?.rgba, photo?.width ?: 0,
                        photo?.height ?: 0, rate, pictures, motion.told(), cool?.engine?.handle ?: 0, cool?.avatar?.handle ?: 0,
                        pictureSide, out,
                    )
                }
            }
            return Session(handle)
        }
    }
}

package org.portrait

import java.io.File
import java.nio.ByteBuffer

/** Device, networks and weights. One serves any number of avatars and sessions. Any thread may call; [close] may be called again. */
class Engine private constructor(internal val handle: Long) : AutoCloseable {
    /** Precision of weights and features. */
    enum class Precision {
        /** What suits the device. */
        AUTOMATIC,

        /** 32 bits. */
        F32,

        /** Stored in 16 bits, computed in 32. */
        F16_PACKED,

        /** 16 bits, where the device computes with them. */
        F16,
    }

    /** How an engine is opened. */
    class Options(
        /** The preset that the weights were made for; null: "s". */
        var preset: String? = null,
        /** Part of the GPU's name; null: the best one. */
        var adapter: String? = null,
        /** Of weights and features. */
        var precision: Precision = Precision.AUTOMATIC,
        /**
         * Where compiled pipelines are kept for a faster start, and what the self-test has found. With it the first start on a driver
         * tests every pipeline (seconds), and goes around what the driver computes wrongly. Null: nothing is kept, and nothing tested.
         */
        var cacheDirectory: File? = null,
        /** False: nothing is tested. */
        var selfTest: Boolean = true,
    )

    /** What an engine runs on. */
    class Info internal constructor(told: List<String>) {
        /** Name of the GPU. */
        val adapter = told[0]

        /** Name of the interface to it: "Vulkan". */
        val backend = told[1]

        /** Name and version of the driver. */
        val driver = told[2]

        /** Name of the preset. */
        val preset = told[3]

        /** SHA-256 of the weights, in hexadecimal. */
        val weights = told[4]

        /** The precision in use. */
        val precision = Precision.entries[told[5].toInt()]

        /** Largest side in pixels of a frame, and of a photo that is shown whole. An avatar's photo may have 16384. */
        val largestSide = told[6].toInt()

        /**
         * What the app should know although everything works: kernels that are gone around and precisions that are given up because the
         * device computes them wrongly, a cache that cannot be used, a surface that refused pictures.
         */
        val warnings = told.drop(7)
    }

    /** How opening goes. */
    class Progress internal constructor(
        /** What is done of it, 0 to 1. */
        val done: Float,
        /** What is done next. */
        val next: String,
    )

    /** How opening goes, to be asked between two calls of [await]. Never waits. */
    val progress: Progress
        get() {
            val out = Native.numbers(1)
            val next = Native.engineProgress(handle, out)
            return Progress(out.getDouble(0).toFloat(), next)
        }

    /**
     * Waits until the engine is open, no longer than this many milliseconds; -1: as long as it takes. Whether it is open.
     *
     * @throws PortraitException if it could not be opened.
     */
    @JvmOverloads
    fun await(milliseconds: Int = -1): Boolean {
        val status = Native.engineWait(handle, milliseconds)
        if (status == Native.PENDING) return false
        Native.check(status)
        return true
    }

    /** What the engine runs on. Waits until it is open. */
    fun info(): Info = Info(Native.told { out -> Native.engineInfo(handle, out) }.split("\n"))

    /**
     * Runs every pipeline once and compares with the CPU: the names of those that this device computes wrongly, as many as fit in 255
     * bytes. Takes seconds; not for the main thread.
     */
    fun selfTest(): List<String> {
        val names = Native.told { out -> Native.engineSelfTest(handle, out) }
        return if (names.isEmpty()) emptyList() else names.split(", ")
    }

    /**
     * An engine of another preset on this engine's device, for sessions that are to stay cool ([Session.Options.cool]). Precision,
     * adapter, cache and self-test are this engine's.
     */
    fun sibling(weights: File, preset: String): Engine = begin(weights, null, Options(preset), handle)

    /** Releases the engine; avatars and sessions of it go on. */
    override fun close() = Native.check(Native.engineRelease(handle))

    companion object {
        /** Begins to open an engine with the weights of a safetensors file; returns at once. [await] waits until it is open. */
        @JvmStatic
        @JvmOverloads
        fun open(weights: File, options: Options = Options()): Engine = begin(weights, null, options, 0)

        /** The same with weights in memory, a direct buffer: Android's assets, say. They are copied. */
        @JvmStatic
        @JvmOverloads
        fun open(weights: ByteBuffer, options: Options = Options()): Engine =
            begin(null, Native.direct(weights, "weights"), options, 0)

        private fun begin(file: File?, memory: ByteBuffer?, how: Options, share: Long) = Engine(
            Native.handle { out ->
                val texts = listOf(file?.path, how.preset, how.adapter, how.cacheDirectory?.path)
                val (path, preset, adapter, cache) = texts.map { it?.let(Native::text) }
                Native.engineOpen(path, memory, preset, adapter, cache, how.precision.ordinal, !how.selfTest, share, out)
            },
        )
    }
}

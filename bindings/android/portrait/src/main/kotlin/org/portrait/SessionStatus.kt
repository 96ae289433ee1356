package org.portrait

import java.nio.ByteBuffer

/** What a [Session] does. */
class SessionStatus internal constructor(told: ByteBuffer) {
    /** A square around a face, in pixels of the upright frame. */
    class Region internal constructor(
        /** Its centre, from the left. */
        val x: Double,
        /** Its centre, from the top. */
        val y: Double,
        /** Its side. */
        val side: Double,
        /** How it is turned, in radians clockwise. */
        val angle: Double,
    )

    /** Whether it has what it needs on the GPU. */
    val open = told.long(0) != 0L

    /** Whether it was told to pause. */
    val paused = told.long(1) != 0L

    /** Whether there is a surface to draw on. */
    val surface = told.long(2) != 0L

    /** Whether what stays cool makes the pictures. */
    val cooled = told.long(3) != 0L

    /** Whether the newest frame showed a face. */
    val face = told.long(4) != 0L

    /** Frames pushed. */
    val pushed = told.long(5)

    /** Frames among them that were not used. */
    val dropped = told.long(6)

    /** Pictures made. */
    val pictures = told.long(7)

    /** From the push of the newest picture's frame until it was done, in nanoseconds. */
    val latency = told.long(8)

    /** GPU time of that in nanoseconds; 0 where the device does not tell. */
    val gpu = told.long(9)

    /** How certain it is that the newest frame showed a face, 0 to 1. */
    val score = told.double(10)

    /** Where that face is. */
    val region = Region(told.double(11), told.double(12), told.double(13), told.double(14))

    /** What of [gpu] finding the face, tracking it, transferring its motion, dense motion, synthesis and composing took, in this order. */
    val gpuStages: List<Long> = (15..20).map(told::long)

    /** Whether the session has ended by a failure, which the next push throws. */
    val failed = told.long(21) != 0L

    /** What half of the newest 240 latencies stayed below, in nanoseconds. */
    val latencyP50 = told.long(22)

    /** What 95 % of them stayed below. */
    val latencyP95 = told.long(23)

    /** Pictures a second in the last three seconds. */
    val rate = told.double(24)

    internal companion object {
        /** How many the library tells. */
        const val NUMBERS = 25
    }
}

private fun ByteBuffer.long(index: Int) = getLong(8 * index)

private fun ByteBuffer.double(index: Int) = getDouble(8 * index)

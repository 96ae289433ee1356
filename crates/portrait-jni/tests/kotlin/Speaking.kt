package org.portrait

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.math.abs

private const val RATE = 16_000
private const val SECOND = 1_000_000_000L

/** Between pictures that are compared, however many a device makes. */
private const val STEP = 150_000_000L

/** A sound of 16-bit samples. */
internal fun sound(file: File) =
    ShortArray((file.length() / 2).toInt()).also { memory(file).order(ByteOrder.LITTLE_ENDIAN).asShortBuffer().get(it) }

/** Speech makes pictures without a frame, until there is one; [clock] is the time of the last. */
internal fun speaking(engine: Engine, avatar: Avatar, session: Session, driver: Square, sentence: ShortArray, clock: Long): Long {
    // A minute: half of it is said, and half of it is silence.
    val half = 30 * RATE
    val minute = ShortArray(2 * half) { if (it < half) sentence[it % sentence.size] else 0 }
    val before = session.status
    check(session.pushAudio(minute, 50 * SECOND, half), "silence")
    val silent = session.moved(50 * SECOND)
    session.interruptAudio()
    check(session.pushAudio(minute, 100 * SECOND, length = half), "speech")
    val spoken = session.moved(100 * SECOND)
    println("the mouth moves by ${"%.2f".format(spoken)} of 255 in speech, by ${"%.2f".format(silent)} in silence")
    check(spoken > 2 * silent, "it says what was pushed, and of that the part that was meant")
    val now = session.status
    check(now.pushed == before.pushed && now.pictures >= before.pictures + 10 && !now.face, "no frame, nobody to be seen")

    // What waits leaves no room for a minute, of which nothing is taken; interrupted, it does.
    fails<PortraitException>("no room for 960000 samples") { session.pushAudio(minute, 200 * SECOND) }
    session.interruptAudio()
    check(session.pushAudio(minute, 200 * SECOND), "a minute")
    fails<PortraitException>("no room for 480000 samples") { session.pushAudio(minute, 260 * SECOND, 0, half) }
    session.interruptAudio()
    fails<PortraitException>("no room for 960001 samples") { session.pushAudio(ShortArray(2 * half + 1), 200 * SECOND) }
    for ((offset, length) in listOf(-1 to 1, 0 to -1, 2 * half to 1, 1 to Int.MAX_VALUE, Int.MAX_VALUE to 1)) {
        fails<IllegalArgumentException>("not all among the 960000") { session.pushAudio(minute, 0, offset, length) }
    }

    // A pause drops what is said while it lasts.
    session.pause()
    repeat(3) { check(session.pushAudio(minute, 0), "taken and dropped") }
    session.resume()
    // The next frame ends it.
    val last = clock + FRAME_TIME
    val picture = memory(4 * 256 * 256)
    session.push(driver.frame.at(last))
    while (session.takePicture(picture, 120_000) != last) {
        // The ones that were made before.
    }
    check(session.status.face, "the driver again")

    // A face that idles before a word was said opens a session for which no size of frames was told.
    Session.open(engine, avatar).use {
        check(it.pushAudio(ShortArray(0), 0) && it.takePicture(picture, 120_000) != null && it.status.open, "no word yet")
    }
    return last
}

/** How much the mouth moves from picture to picture, of 255, in some that show this sound's moments. */
private fun Session.moved(begin: Long): Double {
    var next = begin
    var before = 0L
    val shown = mutableListOf<ByteBuffer>()
    while (shown.size < 6) {
        val picture = memory(4 * 256 * 256)
        val time = takePicture(picture, 120_000)
        if (time == null) throw AssertionError("no picture without a frame")
        check(time > before && time < begin + 30 * SECOND, "time goes on: $before, $time")
        before = time
        // Up to the first of them what was before is shown.
        if (time < next) continue
        next = time + STEP
        shown += picture
    }
    return shown.zipWithNext { a, b -> mouth(a, b) }.average()
}

private fun mouth(a: ByteBuffer, b: ByteBuffer): Double {
    val places = (140 until 200).flatMap { y -> (90 until 166).map { x -> 4 * (256 * y + x) } }
    return places.sumOf { abs((a[it].toInt() and 255) - (b[it].toInt() and 255)).toDouble() } / places.size
}

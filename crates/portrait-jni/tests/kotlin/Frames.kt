package org.portrait

import java.nio.ByteBuffer
import kotlin.math.abs
import org.portrait.PortraitException.Status

/** Frames of every kind, and what a session tells of them; the time of the last one. */
internal fun frames(session: Session, driver: Square): Long {
    val (picture, other) = List(2) { memory(4 * 256 * 256) }
    var clock = 0L
    fun next(): Long {
        clock += FRAME_TIME
        return clock
    }
    repeat(4) { session.take(driver.frame, picture, next()) }
    session.push(driver.frame.at(next()))
    fails<PortraitException>("does not fit in 10 bytes") { session.takePicture(memory(10), 120_000) }
    check(session.takePicture(other) == clock, "the picture stays")
    for (redFirst in listOf(false, true)) {
        session.take(driver.yuv(redFirst), other, next())
        val apart = difference(picture, other)
        println("YUV_420_888, red first $redFirst: ${"%.2f".format(apart)} of 255 from RGBA")
        check(apart < 2, "the same driver")
    }
    val swapped = memory(driver.rgba.capacity())
    for (i in 0 until swapped.capacity()) {
        swapped.put(i, driver.rgba[if (i % 4 == 3) i else i / 4 * 4 + 2 - i % 4])
    }
    session.take(Frame.bgra(swapped, driver.side, driver.side), other, next())
    check(difference(picture, other) < 2, "the same driver, blue first")
    session.take(driver.yuv(false).apply { colour = Frame.Colour.BT709 }, other, next())
    val apart = memory(driver.rgba.capacity())
    val odd = Frame.yuv420(apart, driver.side, driver.rgba, apart, driver.side, 2, driver.side, driver.side)
    val back = Back()
    fails<PortraitException>("OUTPUT_IMAGE_FORMAT_RGBA_8888") { session.push(odd, back) }
    back.await("a frame of no known layout")
    fails<PortraitException>("`rotation` is 30") { session.push(driver.frame.apply { rotation = 30 }) }

    rests(session, driver, other, next())
    // Exceptions by the thousand hold no references, and the session goes on.
    val before = session.status
    val wrong = Session.Motion(strength = -1f)
    repeat(20_000) { fails<PortraitException>("`strength` is -1") { session.setMotion(wrong) } }
    // Nor do texts.
    repeat(20_000) { check(session.surfaceFailure == null, "no surface was given up") }
    check(session.status.pictures == before.pictures, "nothing happened")
    return clock
}

private fun rests(session: Session, driver: Square, picture: ByteBuffer, clock: Long) {
    session.pause()
    session.push(driver.frame)
    check(session.status.paused && session.status.dropped > 0, "paused")
    session.resume()
    session.trim(Session.Trim.PIPELINES)
    check(!session.status.open, "given back")
    session.setThermal(Session.Thermal.SERIOUS)
    session.take(driver.frame, picture, clock)
    val status = session.status
    check(status.open && status.face && status.latency > 0 && !status.surface, "open again")
    check(status.latencyP50 > 0 && status.latencyP95 >= status.latencyP50 && status.rate > 0, "percentiles and rate")
    check(status.score > 0.5 && status.score <= 1, "score ${status.score}")
    val region = status.region
    check(region.side > 0.2 * driver.side && region.side < 2 * driver.side, "side of the face ${region.side}")
    check(abs(region.x - 0.5 * driver.side) < 0.5 * driver.side, "place of the face ${region.x}")
    val stages = status.gpuStages.sum()
    val whole = if (status.gpu == 0L) stages == 0L else stages > 0.5 * status.gpu && stages < 1.5 * status.gpu
    check(whole, "stages $stages of ${status.gpu}")
    session.recalibrate()
    fails<PortraitException>("`surface` is null") { session.surfaceCreated(android.view.Surface(), 1, 1, cover = false) }
    session.surfaceChanged(5, 5)
    session.surfaceDestroyed()
}

/** After it was closed, a camera that goes on for a moment does not end the app. */
internal fun closed(session: Session, frame: Frame) {
    session.close()
    session.close()
    fails<PortraitException>("this session was released") { session.pause() }
    try {
        session.pause()
    } catch (why: PortraitException) {
        check(why.status == Status.RELEASED, "which failure it is")
    }
    check(!session.push(frame), "no exception")
    check(!session.pushAudio(ShortArray(320), 0), "nor does a voice")
    fails<PortraitException>("this session was released") { session.interruptAudio() }
    val back = Back()
    check(!session.push(frame, back), "no exception either")
    back.await("a frame for a session that was closed")
    check(Loans.count == 0, "nothing is lent any more")
}

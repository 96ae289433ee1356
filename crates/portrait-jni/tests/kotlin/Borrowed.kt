package org.portrait

import java.nio.ByteBuffer
import java.util.concurrent.atomic.AtomicInteger

/** Counts a frame that comes back. */
internal class Back : Runnable {
    private val times = AtomicInteger()
    val count get() = times.get()

    override fun run() {
        check(Thread.currentThread().name == "portrait release", "its own thread")
        times.incrementAndGet()
    }

    fun await(what: String) {
        for (i in 0 until 1000) if (count == 0) Thread.sleep(10)
        check(count == 1, "$what: given back $count times")
    }
}

/** Frames that are read where the app has them, and given back once whatever comes of them; the time of the last one. */
internal fun borrowed(session: Session, driver: Square, begin: Long): Long {
    var clock = begin
    fun next(): Long {
        clock += FRAME_TIME
        return clock
    }
    // The session is made anew for each, so that both see their driver for the first time.
    val (expected, found) = List(2) { memory(4 * 256 * 256) }
    session.trim(Session.Trim.PIPELINES)
    session.take(driver.frame, expected, next())

    // No copy: what is changed after the call, which an app must not do, is in the picture.
    session.trim(Session.Trim.PIPELINES)
    val lent = Square(memory(driver.rgba.capacity()))
    val changed = Back()
    session.push(lent.frame.at(next()), changed)
    check(changed.count == 0 && Loans.count == 1, "still to be read")
    lent.rgba.put(driver.rgba.duplicate())
    check(session.takePicture(found, 120_000) == clock, "the picture of this frame")
    changed.await("a frame that was used")
    val apart = difference(expected, found)
    println("a lent frame: ${"%.2f".format(apart)} of 255 from a copied one")
    check(apart < 1, "read where it is")

    // Nobody but the library keeps the memory.
    session.trim(Session.Trim.PIPELINES)
    val forgotten = Back()
    session.push(driver.copy().frame.at(next()), forgotten)
    repeat(3) {
        System.gc()
        memory(driver.rgba.capacity()).put(ByteArray(driver.rgba.capacity()))
    }
    check(session.takePicture(found, 120_000) == clock, "the picture of this frame")
    forgotten.await("a frame that nobody keeps")
    check(difference(expected, found) < 1, "kept until it was read")

    // Replaced by a newer one, or refused.
    session.trim(Session.Trim.PIPELINES)
    val replaced = List(3) { Back() }
    for (each in replaced) session.push(driver.frame.at(next()), each)
    check(session.takePicture(found, 120_000).let { it != null && it >= clock - 2 * FRAME_TIME }, "a picture")
    replaced.forEachIndexed { i, back -> back.await("frame $i of three at once") }
    val refused = Back()
    fails<PortraitException>("`rotation` is 30") { session.push(driver.frame.apply { rotation = 30 }, refused) }
    refused.await("a frame that is refused")
    session.pause()
    val paused = Back()
    session.push(driver.frame, paused)
    paused.await("a frame for a session that rests")
    oneThatFails(session, driver)
    session.resume()
    while (session.takePicture(found) != null) {
        // The ones that were made before the pause.
    }
    check(Loans.count == 0, "nothing is lent any more")
    return clock
}

/** It keeps no other from coming back. */
private fun oneThatFails(session: Session, driver: Square) {
    val failed = AtomicInteger()
    val before = Thread.getDefaultUncaughtExceptionHandler()
    Thread.setDefaultUncaughtExceptionHandler { _, _ -> failed.incrementAndGet() }
    session.push(driver.frame) { error("the app's own fault") }
    val after = Back()
    session.push(driver.frame, after)
    after.await("a frame after one that failed")
    Thread.setDefaultUncaughtExceptionHandler(before)
    check(failed.get() == 1, "the app hears of its fault")
}

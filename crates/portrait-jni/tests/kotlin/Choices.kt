package org.portrait

import java.io.File

/** What a session may be opened with: other framings, and an engine that takes over when it is hot. */
internal fun choices(engine: Engine, avatar: Avatar, photo: Square, driver: Square, weights: File) {
    val framings = listOf(
        Session.Framing.Photo(photo.rgba, photo.side, photo.side) to photo.rgba.capacity(),
        Session.Framing.CutOut to 4 * 256 * 256,
    )
    for ((framing, bytes) in framings) {
        Session.open(engine, avatar, Session.Options(framing)).use { session ->
            val picture = memory(bytes)
            session.take(driver.frame, picture, FRAME_TIME)
            // The photo is opaque, and the person stands on nothing.
            val opaque = picture[3].toInt() and 255 == 255
            check(opaque == (framing is Session.Framing.Photo), "$framing: the corner's alpha is ${picture[3]}")
        }
    }

    val fast = weights.resolveSibling("portrait_fast.safetensors")
    fails<PortraitException>("preset") { engine.sibling(weights, "nobody's").use { it.await() } }
    engine.sibling(fast, "fast").use { sibling ->
        Avatar.prepare(sibling, photo.rgba, photo.side, photo.side).use { cool ->
            val options = Session.Options(motion = Session.Motion(eyeGain = 1.2f), cool = Session.Cool(sibling, cool))
            Session.open(engine, avatar, options).use { session ->
                val picture = memory(4 * 256 * 256)
                session.take(driver.frame, picture, FRAME_TIME)
                check(!session.status.cooled, "still cool")
                session.setThermal(Session.Thermal.CRITICAL)
                session.take(driver.frame, picture, 2 * FRAME_TIME)
                check(session.status.cooled, "the smaller preset has taken over")
            }
        }
    }
}

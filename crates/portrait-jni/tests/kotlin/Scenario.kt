package org.portrait

import java.io.File
import java.nio.ByteBuffer
import kotlin.math.abs
import org.portrait.Engine.Precision

/** Photo to pictures and every misuse, as an app would do it: `Scenario WEIGHTS PHOTO DRIVER SOUND`, square RGBA pictures. */
fun main(arguments: Array<String>) {
    val weights = File(arguments[0])
    val (photo, driver) = arguments.slice(1..2).map { Square(memory(File(it))) }
    enginesThatFail(weights)
    val engine = anEngine(weights)
    val avatar = avatars(engine, photo)
    val session = sessionsThatFail(engine, avatar, driver)
    val seen = borrowed(session, driver, frames(session, driver))
    val clock = speaking(engine, avatar, session, driver, sound(File(arguments[3])), seen)
    choices(engine, avatar, photo, driver, weights)
    engine.close()
    closed(engine)
    avatar.close()
    session.take(driver.frame, memory(4 * 256 * 256), clock + FRAME_TIME)
    closed(session, driver.frame)
    following(photo, driver)
    gaveUp(weights)
    println("scenario: every call did what it says")
}

private fun closed(engine: Engine) {
    for (call in listOf<() -> Any>(engine::info, engine::selfTest)) {
        val why = runCatching(call).exceptionOrNull()
        check((why as? PortraitException)?.status == PortraitException.Status.RELEASED, "$why")
    }
}

private fun enginesThatFail(weights: File) {
    // The second name is beyond the basic plane: there and back.
    for (name in listOf("nowhere.safetensors", "nowhere \uD83D\uDE00.safetensors")) {
        fails<PortraitException>(name) { Engine.open(File(name)).use { it.await() } }
    }
    fails<PortraitException>("nobody's GPU") {
        Engine.open(weights, Engine.Options(adapter = "nobody's GPU")).use { it.info() }
    }
    fails<IllegalArgumentException>("`weights` has to be a direct buffer") { Engine.open(ByteBuffer.allocate(16)) }
}

private fun anEngine(weights: File): Engine {
    val engine = Engine.open(memory(weights), Engine.Options(preset = "s", precision = Precision.F32))
    var heard = 0f
    while (!engine.await(10)) {
        val now = engine.progress
        check(now.done in heard..1f, "progress ${now.done}")
        heard = now.done
    }
    check(engine.progress.done == 1f && engine.progress.next == "ready", "ready")
    val info = engine.info()
    println("adapter: ${info.adapter} (${info.backend}, ${info.driver})")
    check(info.preset == "s" && info.precision == Precision.F32, "preset and precision")
    check(info.weights.length == 64 && info.largestSide >= 4096, "weights and sizes")
    check(info.warnings.isEmpty(), "nothing is gone around: ${info.warnings}")
    check(engine.selfTest().isEmpty(), "every pipeline computes what it should")
    // Texts by the thousand hold no references.
    repeat(10_000) { check(engine.info().preset == "s" && engine.progress.next == "ready", "the same texts") }
    return engine
}

/** Of what a first start has found on a driver that is wrong, the app hears at the next. */
private fun gaveUp(weights: File) {
    val cache = File(System.getProperty("portrait.cache"), "portrait")
    val found = cache.listFiles().orEmpty().first { it.name.endsWith(".selftest") }
    val above = """[{"tier": "f16_packed", "wrong": ["warp"]}]"""
    found.writeText("""{"tier": "f32", "avoid": ["conv3x3_8x8"], "above": $above}""")
    Engine.open(weights, Engine.Options(cacheDirectory = cache)).use { engine ->
        val info = engine.info()
        check(info.precision == Precision.F32 && info.warnings.size == 2, "${info.warnings}")
        check("warp wrongly in f16_packed" in info.warnings[0], info.warnings[0])
        check("conv3x3_8x8 wrongly: gone around" in info.warnings[1], info.warnings[1])
    }
}

private fun avatars(engine: Engine, photo: Square): Avatar {
    val grey = memory(4 * 64 * 64)
    fails<PortraitException>("no face") { Avatar.prepare(engine, grey, 64, 64, Avatar.Face.Only) }
    fails<PortraitException>("do not fit") { Avatar.prepare(engine, grey, 65, 64) }
    fails<IllegalArgumentException>("direct") { Avatar.prepare(engine, ByteBuffer.allocate(16), 2, 2) }
    // From position to limit, as Java's own calls read buffers.
    grey.position(4)
    fails<PortraitException>("do not fit in 16380 bytes") { Avatar.prepare(engine, grey, 64, 64) }
    grey.position(0).limit(16)
    fails<PortraitException>("do not fit in 16 bytes") { Avatar.prepare(engine, grey, 64, 64) }
    val within = memory(photo.rgba.capacity() + 9)
    within.position(9).put(photo.rgba.duplicate()).position(9)
    Avatar.prepare(engine, within, photo.side, photo.side).close()

    val made = Avatar.prepare(engine, photo.rgba, photo.side, photo.side)
    val stored = made.toBytes()
    made.close()
    made.close()
    fails<PortraitException>("this avatar was released") { made.toBytes() }
    val avatar = Avatar.read(stored)
    stored[stored.size / 2] = (stored[stored.size / 2] + 1).toByte()
    fails<PortraitException>("damaged") { Avatar.read(stored) }
    check(avatar.side == 256 && avatar.faceSize > 20, "the avatar's sizes")

    // Which face, and all of the photo.
    val there = Avatar.Face.At(photo.side / 2f, photo.side / 2f)
    Avatar.prepare(engine, photo.rgba, photo.side, photo.side, there).use {
        check(abs(it.faceSize - avatar.faceSize) < 1, "the only face is the nearest")
    }
    Avatar.prepare(engine, photo.rgba, photo.side, photo.side, Avatar.Face.Only, wholePhoto = true).use {
        check(it.side == 256, "all of the photo")
    }
    return avatar
}

private fun sessionsThatFail(engine: Engine, avatar: Avatar, driver: Square): Session {
    val motion = Session.Motion(strength = -1f)
    fails<PortraitException>("`strength` is -1") { Session.open(engine, avatar, Session.Options(motion = motion)) }
    val session = Session.open(engine, avatar, Session.Options(frameWidth = driver.side, frameHeight = driver.side))
    fails<PortraitException>("`mouth_gain` is 11") { session.setMotion(Session.Motion(mouthGain = 11f)) }
    session.setMotion(Session.Motion(absolute = true, raw = true))
    check(session.takePicture(memory(4 * 256 * 256)) == null, "no picture yet")
    return session
}

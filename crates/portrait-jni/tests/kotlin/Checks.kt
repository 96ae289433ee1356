package org.portrait

import java.io.File
import java.nio.ByteBuffer
import kotlin.math.abs
import kotlin.math.roundToInt
import kotlin.math.sqrt

/** What the parts of the scenario have in common. */

internal const val FRAME_TIME = 40_000_000L

internal fun check(holds: Boolean, what: String) {
    if (!holds) throw AssertionError(what)
}

/** The call throws an exception whose message says this. */
internal inline fun <reified E : Exception> fails(says: String, call: () -> Unit) {
    try {
        call()
    } catch (why: Exception) {
        check(why is E && says in why.message.orEmpty(), "expected `$says`, got $why")
        return
    }
    throw AssertionError("no exception; expected `$says`")
}

internal fun memory(bytes: Int): ByteBuffer = ByteBuffer.allocateDirect(bytes)

internal fun memory(file: File): ByteBuffer = file.readBytes().let { memory(it.size).put(it).flip() }

/** A square picture in RGBA. */
internal class Square(val rgba: ByteBuffer) {
    val side = sqrt(rgba.capacity() / 4.0).roundToInt()
    val frame get() = Frame.rgba(rgba, side, side)

    fun copy() = Square(memory(rgba.capacity()).put(rgba.duplicate()).flip())
}

internal fun difference(a: ByteBuffer, b: ByteBuffer) =
    (0 until a.capacity()).sumOf { abs((a[it].toInt() and 255) - (b[it].toInt() and 255)).toDouble() } / a.capacity()

internal fun Frame.at(clock: Long) = apply { timestamp = clock }

internal fun Session.take(frame: Frame, picture: ByteBuffer, clock: Long) {
    push(frame.at(clock))
    check(takePicture(picture, 120_000) == clock, "the picture of this frame")
}

/** Chroma in turns as Android's cameras give it: three planes, two of them in one memory, each shown from its own first sample. */
internal fun Square.yuv(redFirst: Boolean): Frame {
    val luma = memory(side * side)
    val turns = memory(side * side / 2)
    for (y in 0 until side) {
        for (x in 0 until side) {
            val (r, g, b) = List(3) { (rgba[4 * (y * side + x) + it].toInt() and 255).toDouble() }
            val light = 0.299 * r + 0.587 * g + 0.114 * b
            luma.put(y * side + x, light.roundToInt().toByte())
            if (x % 2 == 0 && y % 2 == 0) {
                val blue = (128 + (b - light) / 1.772).roundToInt().toByte()
                val red = (128 + (r - light) / 1.402).roundToInt().toByte()
                turns.put(y / 2 * side + x, if (redFirst) red else blue)
                turns.put(y / 2 * side + x + 1, if (redFirst) blue else red)
            }
        }
    }
    val last = turns.capacity() - 1
    val (first, second) = turns.slice(0, last) to turns.slice(1, last)
    return Frame.yuv420(luma, side, if (redFirst) second else first, if (redFirst) first else second, side, 2, side, side)
}

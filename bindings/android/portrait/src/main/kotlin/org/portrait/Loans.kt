package org.portrait

import java.nio.ByteBuffer
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicLong
import kotlin.concurrent.thread

/** Frames that the library reads where they are, kept until it is done with them. One thread gives them back; it begins with the first. */
internal object Loans {
    /** Nobody else may keep the planes, and nobody reads them: the consumer rules have shrinkers leave them in. */
    private class Loan(@JvmField val planes: Array<ByteBuffer?>, val release: Runnable)

    private val lent = ConcurrentHashMap<Long, Loan>()
    private val last = AtomicLong()

    /** How many are lent. */
    val count get() = lent.size

    init {
        thread(isDaemon = true, name = "portrait release") {
            while (true) giveBack(Native.loanReturned())
        }
    }

    /** The number under which the planes come back. */
    fun lend(planes: Array<ByteBuffer?>, release: Runnable): Long {
        val number = last.incrementAndGet()
        lent[number] = Loan(planes, release)
        return number
    }

    private fun giveBack(number: Long) {
        try {
            lent.remove(number)?.release?.run()
        } catch (why: Throwable) {
            // As if the thread ended by it, but the next frames come back too.
            val here = Thread.currentThread()
            here.uncaughtExceptionHandler.uncaughtException(here, why)
        }
    }
}

package org.portrait

import android.content.Context
import android.graphics.Bitmap
import android.os.Handler
import android.os.Looper
import java.io.File
import java.io.FileNotFoundException
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import kotlin.concurrent.thread

/**
 * A photo that a camera or a voice moves, in one call: engine, avatar and session, opened in a thread of its own. For more to say than
 * that, [Engine], [Avatar] and [Session]. Main thread only.
 */
class Portrait private constructor(context: Context, private val listener: Listener) : AutoCloseable {
    /** Hears how it goes, on the main thread, and nothing after [Portrait.close]. */
    interface Listener {
        /** The session takes frames, with what it needs compiled if their size was told, and may be shown: [PortraitView.session]. */
        fun ready(session: Session)

        /** There is none; the message says why, and what to do. */
        fun failed(why: Exception)

        /** What is done of it, 0 to 1, and what comes next. */
        fun progress(done: Float, next: String) {}
    }

    private val main = Handler(Looper.getMainLooper())

    /** The activity may go meanwhile. */
    private val application = context.applicationContext

    @Volatile private var closed = false

    /** The session; null until it is ready. It is closed by [close]. */
    var session: Session? = null
        private set

    /** Closes the session, or opens none; returns at once. Before, `session = null` of the view that shows it. */
    override fun close() {
        closed = true
        letGo(session)
        session = null
    }

    /** Its thread may be at work on what takes seconds. */
    private fun letGo(opened: Session?) {
        if (opened != null) thread(name = "portrait close") { opened.close() }
    }

    private fun work(photo: Bitmap, options: Session.Options) {
        try {
            val opened = open(photo, options) ?: return
            main.post {
                if (closed) {
                    letGo(opened)
                } else {
                    session = opened
                    tell(1f, "ready")
                    listener.ready(opened)
                }
            }
        } catch (why: Exception) {
            fail(why)
        } catch (why: LinkageError) {
            // The app has no library for this processor: no reason to end it.
            fail(IllegalStateException("the library cannot be loaded: ${why.message}", why))
        } catch (why: OutOfMemoryError) {
            fail(IllegalStateException("there is no memory for a photo of ${photo.width} × ${photo.height}: scale it down first", why))
        }
    }

    private fun fail(why: Exception) {
        main.post { if (!closed) listener.failed(why) }
    }

    /** Sessions go on without engine and avatar. Null where nobody wants it any more. */
    private fun open(photo: Bitmap, options: Session.Options): Session? {
        val cache = File(application.cacheDir, "portrait")
        return Engine.open(weights(), Engine.Options(cacheDirectory = cache)).use { engine ->
            while (!closed && !engine.await(100)) {
                val now = engine.progress
                main.post { tell(0.6f * now.done, now.next) }
            }
            if (closed) return null
            main.post { tell(0.6f, "looking at the photo") }
            Avatar.prepare(engine, photo).use { avatar -> Session.open(engine, avatar, options) }
        }.also { if (options.frameWidth > 0 && options.frameHeight > 0) settle(it) }
    }

    /** Waits until the session has compiled what it needs, which takes seconds the first time. Why one has failed, the next push tells. */
    private fun settle(session: Session) {
        main.post { tell(0.9f, "compiling") }
        while (!closed) {
            val now = session.status
            if (now.open || now.failed) return
            Thread.sleep(20)
        }
    }

    private fun tell(done: Float, next: String) {
        if (!closed) listener.progress(done, next)
    }

    /** Mapped into memory where the app's build leaves them as they are, `noCompress += "safetensors"`; else read. */
    private fun weights(): ByteBuffer {
        val assets = application.assets
        return try {
            assets.openFd(WEIGHTS).use { file ->
                file.createInputStream().use { stream ->
                    stream.channel.map(FileChannel.MapMode.READ_ONLY, file.startOffset, file.declaredLength)
                }
            }
        } catch (compressed: FileNotFoundException) {
            val bytes = try {
                assets.open(WEIGHTS).use { it.readBytes() }
            } catch (missing: FileNotFoundException) {
                val way = "put it among them, or package the library with --weights portrait_s"
                throw FileNotFoundException("the app's assets hold no $WEIGHTS; $way")
            }
            ByteBuffer.allocateDirect(bytes.size).apply { duplicate().put(bytes) }
        }
    }

    companion object {
        /** The weights, among the app's assets. */
        const val WEIGHTS = "portrait_s.safetensors"

        /**
         * Opens a session in which a camera moves the largest face of a photo; returns at once. Unless [options] say otherwise, its pictures
         * are shown on a view only.
         */
        @JvmStatic
        @JvmOverloads
        fun open(
            context: Context, photo: Bitmap, options: Session.Options = Session.Options(pictures = false), listener: Listener,
        ): Portrait {
            Unseen.follow(context)
            val portrait = Portrait(context, listener)
            thread(name = "portrait open") { portrait.work(photo, options) }
            return portrait
        }
    }
}

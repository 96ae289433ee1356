package org.portrait

import android.content.Context
import android.util.AttributeSet
import android.view.SurfaceHolder
import android.view.SurfaceView

/**
 * Shows what a session makes, and keeps the session in step with the app ([AppLifecycle]). Give it the [session]; it follows the life of
 * its surface by itself. Main thread only, as every view; the session is closed by whoever opened it, after `session = null`.
 */
class PortraitView @JvmOverloads constructor(context: Context, attributes: AttributeSet? = null) :
    SurfaceView(context, attributes), SurfaceHolder.Callback {
    private var lifecycle: AppLifecycle? = null
    private var listener: FailureListener? = null
    private var surface = false

    /** Whether the session has taken the surface. */
    private var attached = false

    /** The session that is shown; null: none. */
    var session: Session? = null
        set(next) {
            if (next === field) return
            tell { surfaceDestroyed() }
            lifecycle?.close()
            field = next
            lifecycle = next?.let { AppLifecycle(context, it, ::failed) }
            if (surface) attach(width, height)
        }

    init {
        holder.addCallback(this)
        Unseen.follow(context)
    }

    /** Who hears of failures; null: nobody. */
    fun setFailureListener(listener: FailureListener?) {
        this.listener = listener
    }

    private fun attach(width: Int, height: Int) {
        attached = false
        tell {
            surfaceCreated(holder.surface, width, height)
            attached = true
        }
    }

    private fun failed(why: PortraitException) {
        listener?.failed(why)
    }

    private fun tell(news: Session.() -> Unit) {
        session?.tell(::failed, news)
    }

    override fun surfaceCreated(holder: SurfaceHolder) {
        surface = true
        attach(width, height)
    }

    override fun surfaceChanged(holder: SurfaceHolder, format: Int, width: Int, height: Int) = tell {
        if (!attached || status.surface) {
            surfaceChanged(width, height)
        } else {
            // It was given up since: why, nobody has heard, and perhaps it can be drawn on now.
            surfaceFailure?.let { failed(PortraitException(PortraitException.Status.SURFACE, it)) }
            attach(width, height)
        }
    }

    /** Returns when the library no longer draws: afterwards Android takes the surface away. */
    override fun surfaceDestroyed(holder: SurfaceHolder) {
        surface = false
        attached = false
        tell { surfaceDestroyed() }
    }
}

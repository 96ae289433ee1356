package org.portrait

import android.app.Activity
import android.content.ComponentCallbacks2
import android.content.Context
import android.content.ContextWrapper
import android.content.res.Configuration
import android.os.Build
import android.os.PowerManager
import org.portrait.Session.Thermal
import org.portrait.Session.Trim

/**
 * Keeps a session in step with the app until it is closed: pauses it while its activity is not seen, gives memory back when that is
 * short, and makes fewer pictures on a hot device. [PortraitView] has one; a session without a view needs its own. Main thread only.
 *
 * @param context the session's activity, or what is built on one, as a view's context.
 * @param listener who hears of failures; null: nobody.
 */
class AppLifecycle @JvmOverloads constructor(
    context: Context,
    private val session: Session,
    private val listener: FailureListener? = null,
) : AutoCloseable {
    private val following = Following()
    private val application = context.applicationContext

    /** Whose activity it is; null where there is none: then the app pauses the session itself. */
    private val activity = activityOf(context)
    private val forgetHeat: () -> Unit

    /** It rests because of the activity; a pause of the app's is another matter. */
    private var resting = false
    private var closed = false

    init {
        application.registerComponentCallbacks(following)
        activity?.application?.registerActivityLifecycleCallbacks(following)
        val told = Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q
        forgetHeat = if (told) Heat.follow(context) { tell { setThermal(it) } } else ({})
        Unseen.follow(context)
        // It may have been stopped while the session was opened.
        if (activity != null && activity in Unseen) rest()
    }

    /** Follows no more. A session that this has paused goes on: whoever follows it next does not know whose pause it is. */
    override fun close() {
        if (closed) return
        goOn()
        closed = true
        forgetHeat()
        application.unregisterComponentCallbacks(following)
        activity?.application?.unregisterActivityLifecycleCallbacks(following)
    }

    private fun tell(news: Session.() -> Unit) {
        if (!closed) session.tell(listener, news)
    }

    /** Returns when nothing is given to the GPU any more. */
    private fun rest() {
        resting = true
        tell { unseen(true) }
    }

    private fun goOn() {
        if (!resting) return
        resting = false
        tell { unseen(false) }
    }

    private inner class Following : ComponentCallbacks2, ActivityNews {
        override fun onActivityStarted(activity: Activity) {
            if (activity === this@AppLifecycle.activity) goOn()
        }

        override fun onActivityStopped(activity: Activity) {
            if (activity === this@AppLifecycle.activity) rest()
        }

        override fun onActivityDestroyed(activity: Activity) {
            if (activity === this@AppLifecycle.activity) close()
        }

        override fun onTrimMemory(level: Int) {
            val trim = when {
                level >= ComponentCallbacks2.TRIM_MEMORY_BACKGROUND -> Trim.PIPELINES
                level >= ComponentCallbacks2.TRIM_MEMORY_UI_HIDDEN -> Trim.SESSION
                else -> Trim.WAITING
            }
            tell { trim(trim) }
        }

        @Deprecated("Still an abstract method of the interface.")
        override fun onLowMemory() {
            tell { trim(if (status.paused) Trim.PIPELINES else Trim.WAITING) }
        }

        override fun onConfigurationChanged(next: Configuration) {}
    }
}

private tailrec fun activityOf(context: Context?): Activity? = when (context) {
    is Activity -> context
    is ContextWrapper -> activityOf(context.baseContext)
    else -> null
}

/** Apart, since Android before 10 knows nothing of it. */
private object Heat {
    /** Tells how hot the device is, now and whenever that changes; what is returned ends it. */
    fun follow(context: Context, heard: (Thermal) -> Unit): () -> Unit {
        val power = context.getSystemService(PowerManager::class.java)
        val changed = PowerManager.OnThermalStatusChangedListener { heard(thermal(it)) }
        power.addThermalStatusListener(context.mainExecutor, changed)
        return { power.removeThermalStatusListener(changed) }
    }

    /** Android tells six steps above the first, the library takes three. */
    private fun thermal(status: Int) = when {
        status >= PowerManager.THERMAL_STATUS_CRITICAL -> Thermal.CRITICAL
        status >= PowerManager.THERMAL_STATUS_SEVERE -> Thermal.SERIOUS
        status >= PowerManager.THERMAL_STATUS_LIGHT -> Thermal.FAIR
        else -> Thermal.NOMINAL
    }
}

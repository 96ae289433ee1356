package org.portrait

import android.app.Activity
import android.app.Application
import android.content.Context
import android.os.Bundle
import java.util.Collections
import java.util.WeakHashMap

/** What becomes of activities; nothing is done of what is not overridden. */
internal interface ActivityNews : Application.ActivityLifecycleCallbacks {
    override fun onActivityCreated(activity: Activity, state: Bundle?) {}

    override fun onActivityStarted(activity: Activity) {}

    override fun onActivityResumed(activity: Activity) {}

    override fun onActivityPaused(activity: Activity) {}

    override fun onActivityStopped(activity: Activity) {}

    override fun onActivitySaveInstanceState(activity: Activity, state: Bundle) {}

    override fun onActivityDestroyed(activity: Activity) {}
}

/**
 * The activities that were stopped, since Android does not tell afterwards: a session may be ready while nobody sees its own any more. Main
 * thread only.
 */
internal object Unseen : ActivityNews {
    private val stopped = Collections.newSetFromMap(WeakHashMap<Activity, Boolean>())
    private var follows = false

    /** Follows all activities of the app, from the first call on. */
    fun follow(context: Context) {
        val application = context.applicationContext as? Application
        if (application == null || follows) return
        follows = true
        application.registerActivityLifecycleCallbacks(this)
    }

    operator fun contains(activity: Activity) = activity in stopped

    override fun onActivityStarted(activity: Activity) {
        stopped.remove(activity)
    }

    override fun onActivityStopped(activity: Activity) {
        stopped.add(activity)
    }
}

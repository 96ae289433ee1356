package org.portrait

import android.app.Activity
import android.app.Application
import android.content.ComponentCallbacks2
import android.content.ContextWrapper
import android.graphics.Bitmap
import android.os.Handler
import android.os.PowerManager

private class Heard : Portrait.Listener {
    var session: Session? = null
    var failure: Exception? = null
    val progress = mutableListOf<Float>()

    override fun ready(session: Session) {
        this.session = session
    }

    override fun failed(why: Exception) {
        failure = why
    }

    override fun progress(done: Float, next: String) {
        check(done >= (progress.lastOrNull() ?: 0f), "$next goes back to $done")
        progress += done
    }

    fun settle() = apply {
        while (session == null && failure == null) Handler.runNext()
    }
}

/** A session in one call, and what the view makes of what Android tells; by stand-ins for Android. */
internal fun following(photo: Square, driver: Square) {
    val activity = Activity()
    // In the GPU's own memory, as photos are that came by a loader of pictures.
    val bitmap = Bitmap(photo.rgba, photo.side, Bitmap.Config.HARDWARE)

    // Nobody hears of what was closed, nor of what has no weights but the reason.
    val nothing = Heard()
    Portrait.open(activity, bitmap, listener = nothing).close()
    val assets = System.setProperty("portrait.assets", "nowhere")
    val heard = Heard()
    Portrait.open(activity, bitmap, listener = heard)
    heard.settle()
    System.setProperty("portrait.assets", assets)
    check(heard.session == null && "hold no" in heard.failure?.message.orEmpty(), "${heard.failure}")

    // Where the size of frames is not told, the first of them opens it.
    val without = Heard()
    Portrait.open(activity, bitmap, listener = without).use {
        check(without.settle().session?.status?.open == false, "ready without a frame ${without.failure}")
    }

    val well = Heard()
    val options = Session.Options(frameWidth = driver.side, frameHeight = driver.side, pictureSide = 512)
    val portrait = Portrait.open(activity, bitmap, options, well)
    check(portrait.session == null, "it returns at once")
    val session = well.settle().session ?: throw AssertionError(well.failure)
    check(session.status.open, "what it needs is compiled")
    check(session === portrait.session && well.progress.takeLast(2) == listOf(0.9f, 1f), "ready ${well.progress}")
    check(nothing.session == null && nothing.failure == null && nothing.progress.isEmpty(), "closed and silent")
    outlives(activity, session)
    seen(activity, session, driver.frame)
    portrait.close()
    check(portrait.session == null, "closed")
}

/** What activity, memory and heat do to a session that is shown. */
private fun seen(activity: Activity, session: Session, frame: Frame) {
    val application = activity.application
    val picture = memory(4 * 512 * 512)
    val before = application.listeners()
    session.take(frame, picture, FRAME_TIME)
    val failures = mutableListOf<PortraitException>()
    val view = PortraitView(ContextWrapper(activity))
    view.setFailureListener(failures::add)
    view.session = session
    application.tellActivities { it.onActivityStopped(Activity()) }
    check(!session.status.paused, "another activity")
    application.tellActivities { it.onActivityStopped(activity) }
    check(session.status.paused, "nobody sees it")
    application.tellActivities { it.onActivityStarted(activity) }
    check(!session.status.paused, "seen again")
    session.pause()
    application.tellActivities { it.onActivityStopped(activity) }
    application.tellActivities { it.onActivityStarted(activity) }
    check(session.status.paused, "the app's own pause is the app's")
    session.resume()
    application.tellActivities { it.onActivityStopped(activity) }
    session.resume()
    check(session.status.paused, "told to go on while nobody sees it")
    session.pause()
    application.tellActivities { it.onActivityStarted(activity) }
    check(session.status.paused, "paused by the app while nobody saw it")
    session.resume()
    check(!session.status.paused, "seen, and told to go on")
    session.take(frame, picture, 2 * FRAME_TIME)
    application.tellComponents { (it as ComponentCallbacks2).onTrimMemory(10) }
    check(session.status.open, "a little memory")
    for ((i, level) in listOf(ComponentCallbacks2.TRIM_MEMORY_UI_HIDDEN, ComponentCallbacks2.TRIM_MEMORY_BACKGROUND).withIndex()) {
        application.tellComponents { (it as ComponentCallbacks2).onTrimMemory(level) }
        check(!session.status.open, "what is on the GPU, at $level")
        session.take(frame, picture, (3 + i) * FRAME_TIME)
    }
    val power = activity.getSystemService(PowerManager::class.java)
    power.heat(PowerManager.THERMAL_STATUS_SEVERE) {}
    session.take(frame, picture, 5 * FRAME_TIME)
    // Nothing can be drawn on this machine's surface, which is a failure that the app hears of.
    view.surfaceCreated(view.holder)
    check(failures.size == 1 && "`surface` is null" in failures[0].message.orEmpty(), "$failures")

    // It gets hotter while the activity goes: the word is on its way when the session is closed.
    val listening = power.heat(PowerManager.THERMAL_STATUS_CRITICAL) {
        session.close()
        application.tellActivities { it.onActivityDestroyed(activity) }
    }
    check(listening == 0 && application.listeners() == before, "who listens, holds on to the activity")
    view.surfaceChanged(view.holder, 0, 10, 10)
    view.session = null
    check(failures.size == 1, "$failures")
}

private fun Application.listeners() = tellActivities {} + tellComponents {}

/** A session that outlives its activity, as when the device is turned, and one that is ready when nobody sees its activity any more. */
private fun outlives(old: Activity, session: Session) {
    val (application, next) = old.application to Activity()
    val (first, second) = listOf(old, next).map { PortraitView(it) }
    first.session = session
    application.tellActivities { it.onActivityStopped(old) }
    check(session.status.paused, "nobody sees it")
    application.tellActivities { it.onActivityDestroyed(old) }
    second.session = session
    application.tellActivities { it.onActivityStarted(next) }
    check(!session.status.paused, "the next activity shows it")
    second.session = null

    application.tellActivities { it.onActivityStopped(next) }
    check(!session.status.paused, "nobody follows")
    second.session = session
    check(session.status.paused, "ready while nobody sees it")
    application.tellActivities { it.onActivityStarted(next) }
    check(!session.status.paused, "seen again")
    // Taken away while nobody sees it, it is paused by nobody.
    application.tellActivities { it.onActivityStopped(next) }
    second.session = null
    check(!session.status.paused, "its own again")
    application.tellActivities { it.onActivityStarted(old) }
}

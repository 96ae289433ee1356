package org.portrait

/** Hears what the library says, should it not be able to show or to follow the app. */
fun interface FailureListener {
    /** Called on the main thread. */
    fun failed(why: PortraitException)
}

/** Tells a session some news. An exception in Android's callbacks would end the app; of one that was closed meanwhile nobody needs to hear. */
internal inline fun Session.tell(listener: FailureListener?, news: Session.() -> Unit) {
    try {
        news()
    } catch (why: PortraitException) {
        if (why.status != PortraitException.Status.RELEASED) listener?.failed(why)
    }
}

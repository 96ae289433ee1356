package android.content;

/** What of Android the view is compiled against in the test; signatures as in its documentation. */
public abstract class Context {}

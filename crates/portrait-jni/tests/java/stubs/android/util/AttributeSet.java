package android.util;

/** See Context. */
public interface AttributeSet {}

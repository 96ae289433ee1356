package android.view;

/** See Context. */
public class Surface {}

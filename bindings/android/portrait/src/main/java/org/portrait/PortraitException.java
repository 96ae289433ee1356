package org.portrait;

/** A call of the library failed; the message says why and what to do. */
public final class PortraitException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int status;

    PortraitException(int status, String message) {
        super(message);
        this.status = status;
    }

    /** The number of the failure: a {@code PortraitStatus} of {@code portrait.h}. */
    public int status() {
        return status;
    }
}

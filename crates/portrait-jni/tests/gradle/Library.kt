// Stands in for Android's plugin for libraries.

interface LibraryDefaultConfig : DefaultConfig {
    fun consumerProguardFiles(vararg files: Any): Any
}

fun android(block: CommonExtension<LibraryDefaultConfig>.() -> Unit) {}

// Stands in for Gradle: what the scripts of bindings/android use in settings and every project, after Gradle's documentation.

interface PluginDependencySpec {
    infix fun version(version: String): PluginDependencySpec
    infix fun apply(apply: Boolean): PluginDependencySpec
}

interface PluginDependenciesSpec {
    fun id(id: String): PluginDependencySpec
}

fun plugins(block: PluginDependenciesSpec.() -> Unit) {}

// Stands in for what `settings.gradle.kts` sees.

interface RepositoryHandler {
    fun google()
    fun mavenCentral()
    fun gradlePluginPortal()
}

interface PluginManagementSpec {
    fun repositories(block: RepositoryHandler.() -> Unit)
}

interface DependencyResolutionManagement {
    fun repositories(block: RepositoryHandler.() -> Unit)
}

interface ProjectDescriptor {
    var name: String
}

fun pluginManagement(block: PluginManagementSpec.() -> Unit) {}

fun dependencyResolutionManagement(block: DependencyResolutionManagement.() -> Unit) {}

val rootProject: ProjectDescriptor get() = TODO()

fun include(vararg paths: String) {}

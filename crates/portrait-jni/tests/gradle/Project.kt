// Stands in for what the script of a project with one of Android's plugins sees, after Android's documentation.
import java.io.File
import org.jetbrains.kotlin.gradle.dsl.KotlinAndroidProjectExtension

enum class JavaVersion { VERSION_17 }

interface Provider<T>

interface Property<T> : Provider<T> {
    fun set(value: T)
}

interface TaskProvider<T> : Provider<T>

interface Task {
    fun dependsOn(vararg tasks: Any)
}

interface Copy : Task {
    fun from(vararg files: Any)
    fun into(folder: Any)
}

interface TaskContainer {
    fun named(name: String, configure: Task.() -> Unit): TaskProvider<Task>
}

inline fun <reified T : Task> TaskContainer.register(name: String, noinline configure: T.() -> Unit): TaskProvider<T> = TODO()

interface DirectoryProperty {
    fun dir(path: String): Provider<File>
}

interface ProjectLayout {
    val buildDirectory: DirectoryProperty
}

interface ProjectDependency

interface DependencyHandler {
    fun implementation(what: Any)
    fun project(path: String): ProjectDependency
}

val rootDir: File get() = TODO()

val layout: ProjectLayout get() = TODO()

val tasks: TaskContainer get() = TODO()

fun dependencies(block: DependencyHandler.() -> Unit) {}

interface CompileOptions {
    var sourceCompatibility: JavaVersion
    var targetCompatibility: JavaVersion
}

interface Ndk {
    val abiFilters: MutableSet<String>
}

interface DefaultConfig {
    var minSdk: Int?
    fun ndk(block: Ndk.() -> Unit)
}

interface AndroidSourceDirectorySet {
    fun srcDir(folder: Any): Any
}

interface AndroidSourceSet {
    val jniLibs: AndroidSourceDirectorySet
    val assets: AndroidSourceDirectorySet
}

interface NamedSourceSets {
    operator fun get(name: String): AndroidSourceSet
}

interface AndroidResources {
    val noCompress: MutableCollection<String>
}

/** What both kinds of projects have. */
interface CommonExtension<Config : DefaultConfig> {
    var namespace: String?
    var compileSdk: Int?
    val sourceSets: NamedSourceSets
    val androidResources: AndroidResources
    fun defaultConfig(block: Config.() -> Unit)
    fun compileOptions(block: CompileOptions.() -> Unit)
    fun androidResources(block: AndroidResources.() -> Unit)
}

fun kotlin(block: KotlinAndroidProjectExtension.() -> Unit) {}

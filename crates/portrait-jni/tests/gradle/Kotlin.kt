// Stands in for Kotlin's plugin for Android, after its documentation.
package org.jetbrains.kotlin.gradle.dsl

import Property

enum class JvmTarget { JVM_17 }

interface KotlinJvmCompilerOptions {
    val jvmTarget: Property<JvmTarget>
}

interface KotlinAndroidProjectExtension {
    fun compilerOptions(configure: KotlinJvmCompilerOptions.() -> Unit)
}

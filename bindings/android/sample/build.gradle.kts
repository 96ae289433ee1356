import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    id("com.android.application")
    id("org.jetbrains.kotlin.android")
}

android {
    namespace = "org.portrait.sample"
    compileSdk = 35
    defaultConfig {
        applicationId = "org.portrait.sample"
        minSdk = 26
        targetSdk = 35
        versionCode = 1
        versionName = "0.1"
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
    // The weights are mapped into memory, which takes a file that is not compressed.
    androidResources { noCompress += "safetensors" }
    sourceSets["main"].assets.srcDir(layout.buildDirectory.dir("from-the-repository"))
}

kotlin {
    compilerOptions { jvmTarget.set(JvmTarget.JVM_17) }
}

val fromTheRepository = tasks.register<Copy>("fromTheRepository") {
    from("../../../weights/portrait_s.safetensors", "../../../assets/astronaut.png")
    into(layout.buildDirectory.dir("from-the-repository"))
}
tasks.named("preBuild") { dependsOn(fromTheRepository) }

dependencies {
    implementation(project(":portrait"))
    implementation("androidx.activity:activity-ktx:1.9.3")
    implementation("androidx.core:core-ktx:1.13.1")
    implementation("androidx.camera:camera-camera2:1.4.1")
    implementation("androidx.camera:camera-lifecycle:1.4.1")
}

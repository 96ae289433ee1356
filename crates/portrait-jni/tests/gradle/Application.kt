// Stands in for Android's plugin for apps, and for Kotlin's beside it.

interface ApplicationDefaultConfig : DefaultConfig {
    var applicationId: String?
    var targetSdk: Int?
    var versionCode: Int?
    var versionName: String?
}

interface KotlinOptions {
    var jvmTarget: String
}

interface ApplicationExtension : CommonExtension<ApplicationDefaultConfig>

fun ApplicationExtension.kotlinOptions(block: KotlinOptions.() -> Unit) {}

fun android(block: ApplicationExtension.() -> Unit) {}

// Stands in for Android's plugin for apps.

interface ApplicationDefaultConfig : DefaultConfig {
    var applicationId: String?
    var targetSdk: Int?
    var versionCode: Int?
    var versionName: String?
}

fun android(block: CommonExtension<ApplicationDefaultConfig>.() -> Unit) {}

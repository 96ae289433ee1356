// swift-tools-version: 5.9
import PackageDescription

#if os(Linux)
    // What is not of Apple's can be tried here, against cargo's libportrait_ffi.so.
    let library: Target = .systemLibrary(name: "CPortrait")
#else
    // Made by `cargo xtask package-apple`.
    let library: Target = .binaryTarget(name: "CPortrait", path: "CPortrait.xcframework")
#endif

let apple = BuildSettingCondition.when(platforms: [.iOS, .macOS])

let package = Package(
    name: "Portrait",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [.library(name: "Portrait", targets: ["Portrait"])],
    targets: [
        library,
        .target(
            name: "Portrait",
            dependencies: ["CPortrait"],
            resources: [.copy("PrivacyInfo.xcprivacy")],
            linkerSettings: ["CoreGraphics", "Foundation", "Metal", "QuartzCore"].map { .linkedFramework($0, apple) }
        ),
    ]
)

// swift-tools-version:5.9
import PackageDescription

let package = Package(
    name: "Streamer",
    platforms: [.macOS(.v13), .iOS(.v16)],
    products: [.library(name: "Streamer", targets: ["Streamer"])],
    targets: [
        .target(name: "Streamer"),
        .testTarget(name: "StreamerTests", dependencies: ["Streamer"]),
    ]
)

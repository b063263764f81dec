// swift-tools-version: 6.2
import PackageDescription

// Coverage-guided fuzzing of everything that reads bytes; `.ci/fuzz` builds and runs it.
let package = Package(
  name: "fuzz",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "swift-latent", path: "../..")],
  targets: [
    .target(name: "Gauge"),
    // What each format is, is a link to the tests of reading: those replay the corpus.
    .executableTarget(
      name: "Fuzz",
      dependencies: [
        "Gauge",
        .product(name: "LatentIO", package: "swift-latent"),
        .product(name: "LatentModels", package: "swift-latent"),
        .product(name: "LatentReport", package: "swift-latent"),
      ]),
  ],
  swiftLanguageModes: [.v6]
)

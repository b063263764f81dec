// swift-tools-version: 6.2
import PackageDescription

// EM iterations and factor analyses timed on the files of ../Peers/sklearn_mixture.py and
// ../Peers/sklearn_factors.py. A package of its own, so that nobody
// who depends on Latent builds it.
let package = Package(
  name: "mixture-steps",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "swift-latent", path: "../..")],
  targets: [
    .executableTarget(
      name: "mixture-steps",
      dependencies: [
        .product(name: "LatentModels", package: "swift-latent"),
        .product(name: "LatentIO", package: "swift-latent"),
      ]),
    .executableTarget(
      name: "factors-fit",
      dependencies: [
        .product(name: "LatentModels", package: "swift-latent"),
        .product(name: "LatentIO", package: "swift-latent"),
      ]),
  ],
  swiftLanguageModes: [.v6]
)

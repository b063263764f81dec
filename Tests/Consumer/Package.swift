// swift-tools-version: 6.2
import PackageDescription

// A package that depends on Latent as strangers do: by version, with the optional traits off.
// `.ci/consumer` tags a copy of the repository for it.
let package = Package(
  name: "consumer",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(url: Context.environment["LATENT_URL"] ?? "../..", exact: "99.0.0", traits: [])
  ],
  targets: [
    // A backend written here.
    .target(
      name: "Counting",
      dependencies: [.product(name: "LatentKernels", package: "swift-latent")]),
    // Kernels and networks: no system package at all.
    .executableTarget(
      name: "Consumer",
      dependencies: [
        "Counting",
        .product(name: "LatentKernels", package: "swift-latent"),
        .product(name: "LatentNetworks", package: "swift-latent"),
      ]),
    // Models read files: they need zlib.
    .executableTarget(
      name: "ModelConsumer",
      dependencies: [
        "Counting",
        .product(name: "LatentModels", package: "swift-latent"),
        .product(name: "LatentIO", package: "swift-latent"),
      ]),
  ]
)

// swift-tools-version: 6.2
import PackageDescription

// A package that depends on Latent as strangers do: by version, with the optional traits off, so that
// no system package is needed. `.ci/consumer` tags a copy of the repository for it.
let package = Package(
  name: "consumer",
  dependencies: [
    .package(url: Context.environment["LATENT_URL"] ?? "../..", exact: "99.0.0", traits: [])
  ],
  targets: [
    .executableTarget(
      name: "Consumer",
      dependencies: [
        .product(name: "LatentKernels", package: "swift-latent"),
        .product(name: "LatentNetworks", package: "swift-latent"),
      ])
  ]
)

// swift-tools-version: 6.2
import PackageDescription

// Benchmarks, in a package of their own so that nobody who depends on Latent resolves what they need.
let latent: [Target.Dependency] = [
  .product(name: "LatentKernels", package: "swift-latent"),
  .product(name: "LatentNetworks", package: "swift-latent"),
  .product(name: "LatentModels", package: "swift-latent"),
]

let package = Package(
  name: "latent-benchmarks",
  platforms: [.macOS(.v15)],
  products: [.executable(name: "latent-measure", targets: ["latent-measure"])],
  dependencies: [
    .package(name: "swift-latent", path: ".."),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
  ],
  targets: [
    // What the machine can do at most: multiply-adds, memory, and a line between two cores.
    .target(
      name: "CProbes",
      cSettings: [.unsafeFlags(["-O3"])],
      linkerSettings: [.linkedLibrary("pthread", .when(platforms: [.linux]))]),
    // The work that both measure.
    .target(name: "Workloads", dependencies: latent),
    .executableTarget(
      name: "latent-measure",
      dependencies: latent + [
        "CProbes", "Workloads", .product(name: "LatentIO", package: "swift-latent"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .executableTarget(
      name: "LatentBenchmarks",
      dependencies: latent + [
        "CProbes", "Workloads", .product(name: "Benchmark", package: "benchmark"),
      ],
      path: "Benchmarks/LatentBenchmarks",
      plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
  ],
  swiftLanguageModes: [.v6]
)

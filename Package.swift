// swift-tools-version: 6.2
import PackageDescription

// What computes by the million in Swift takes ten times as long at -Onone, as a debug build would have it.
// Packages may depend on flags like these since SwiftPM 6.2, if the tools version above says so; .ci/consumer does.
let optimized: [SwiftSetting] = [.unsafeFlags(["-O"], .when(configuration: .debug))]

// Rooms, and the one way through them (see README.md):
// CKernels -> LatentKernels -> LatentNetworks -> LatentModels -> LatentReport -> latent
let package = Package(
  name: "swift-latent",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "LatentKernels", targets: ["LatentKernels"]),
    .library(name: "LatentNetworks", targets: ["LatentNetworks"]),
    .library(name: "LatentModels", targets: ["LatentModels"]),
    .library(name: "LatentIO", targets: ["LatentIO"]),
    .library(name: "LatentReport", targets: ["LatentReport"]),
    .executable(name: "latent", targets: ["latent"]),
  ],
  traits: [
    .trait(
      name: "OpenBLAS", description: "The openblas backend, and the models that factorize matrices."
    ),
    .trait(name: "MPI", description: "Fits on several processes and machines, by Open MPI."),
    .default(enabledTraits: ["OpenBLAS"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
  ],
  targets: [
    .target(
      name: "CKernels",
      path: "CKernels",
      exclude: ["CMakeLists.txt", "cmake", "latent_kernels.map", "tests"],
      cSettings: [
        // A debug build would compile the kernels at -O0, some hundred times slower.
        .unsafeFlags(["-O3"], .when(configuration: .debug))
      ],
      linkerSettings: [.linkedLibrary("m"), .linkedLibrary("pthread", .when(platforms: [.linux]))]
    ),
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "lapacke",
      providers: [.apt(["libopenblas-dev", "liblapacke-dev"])]),
    .systemLibrary(name: "COpenMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .target(
      name: "LatentKernels",
      dependencies: [
        "CKernels", .target(name: "COpenBLAS", condition: .when(traits: ["OpenBLAS"])),
      ],
      swiftSettings: optimized),
    // Both are empty without the trait.
    .target(
      name: "CMPI", dependencies: [.target(name: "COpenMPI", condition: .when(traits: ["MPI"]))],
      cSettings: [.define("LATENT_MPI", .when(traits: ["MPI"]))]),
    .target(name: "LatentMPI", dependencies: ["CMPI", "LatentKernels"]),
    .target(name: "LatentNetworks", dependencies: ["LatentKernels"], swiftSettings: optimized),
    .target(
      name: "LatentIO", dependencies: ["LatentKernels", "CZlib"],
      resources: [.embedInCode("Resources")], swiftSettings: optimized),
    .target(
      name: "LatentModels",
      dependencies: [
        "LatentNetworks", "LatentIO",
        .target(name: "COpenBLAS", condition: .when(traits: ["OpenBLAS"])),
      ],
      swiftSettings: optimized),
    .target(
      name: "LatentReport",
      dependencies: [
        "LatentModels", "CPNG", .product(name: "Mustache", package: "swift-mustache"),
      ],
      resources: [.embedInCode("Templates")]),
    .executableTarget(
      name: "latent",
      dependencies: [
        "LatentReport", "LatentMPI",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .testTarget(
      name: "KernelsTests", dependencies: ["LatentKernels", "CKernels"], swiftSettings: optimized),
    .testTarget(name: "NetworksTests", dependencies: ["LatentNetworks"], swiftSettings: optimized),
    .testTarget(name: "ModelsTests", dependencies: ["LatentModels"], swiftSettings: optimized),
    .testTarget(name: "IOTests", dependencies: ["LatentIO", "LatentModels", "LatentReport"]),
    .testTarget(name: "CommandTests", dependencies: ["LatentIO", "LatentReport"]),
  ],
  swiftLanguageModes: [.v6]
)

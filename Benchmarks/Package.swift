// swift-tools-version: 6.2
import PackageDescription

// Speed is measured apart from the program and its tests, as ratios taken in one run: `swift run -c release Ratios`.
let package = Package(
  name: "nfschurn-benchmarks",
  dependencies: [.package(name: "nfschurn", path: "..")],
  targets: [
    .executableTarget(
      name: "Ratios",
      dependencies: [
        .product(name: "Experiment", package: "nfschurn"), .product(name: "Connectathon", package: "nfschurn"),
        .product(name: "NFS4Client", package: "nfschurn"), .product(name: "NFS4Server", package: "nfschurn"),
        .product(name: "ONCRPC", package: "nfschurn"), .product(name: "KernelMemory", package: "nfschurn"),
      ], path: "Benchmarks/Ratios", swiftSettings: [.treatAllWarnings(as: .error)])
  ],
  swiftLanguageModes: [.v6]
)

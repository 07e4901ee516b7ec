// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "nfschurn",
  products: [
    .executable(name: "nfschurn", targets: ["nfschurn"]),
    .library(name: "KernelMemory", targets: ["KernelMemory"]),
    .library(name: "KernelModel", targets: ["KernelModel"]),
    .library(name: "NFS4Server", targets: ["NFS4Server"]),
    .library(name: "NFS4Client", targets: ["NFS4Client"]),
    .library(name: "Connectathon", targets: ["Connectathon"]),
    .library(name: "ONCRPC", targets: ["ONCRPC"]),
    .library(name: "Experiment", targets: ["Experiment"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
  ],
  targets: [
    .systemLibrary(name: "CTirpc", pkgConfig: "libtirpc", providers: [.apt(["libtirpc-dev", "libkrb5-dev"])]),
    .target(name: "CTirpcShim", dependencies: ["CTirpc"]),
    .target(name: "CPrefetch"),
    .target(name: "KernelMemory", dependencies: ["CPrefetch"]),
    .target(name: "KernelModel", dependencies: ["KernelMemory"]),
    .target(name: "NFS4"),
    .target(name: "ONCRPC", dependencies: ["CTirpc", "CTirpcShim"]),
    .target(name: "NFS4Server", dependencies: ["NFS4", "KernelModel", "KernelMemory", "ONCRPC"]),
    .target(name: "NFS4Client", dependencies: ["NFS4", "ONCRPC"]),
    .target(name: "Connectathon", dependencies: ["NFS4Client", "NFS4", "ONCRPC"]),
    .target(name: "Statistics"),
    .target(name: "RunStore", dependencies: [.product(name: "GRDB", package: "GRDB.swift")]),
    .target(
      name: "Experiment",
      dependencies: [
        "NFS4Server", "NFS4Client", "Connectathon", "KernelModel", "KernelMemory", "NFS4", "ONCRPC", "RunStore",
        .product(name: "Yams", package: "Yams"),
      ]),
    .target(name: "Verdict", dependencies: ["Statistics", "RunStore"]),
    .target(name: "Report", dependencies: ["Verdict", "RunStore"]),
    .executableTarget(
      name: "nfschurn",
      dependencies: [
        "Experiment", "Report", "Verdict", "RunStore", "Connectathon", "NFS4Client", "NFS4Server", "NFS4",
        "KernelModel",
        "KernelMemory", "ONCRPC",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ]),
    .testTarget(name: "KernelMemoryTests", dependencies: ["KernelMemory"], resources: [.copy("Fixtures")]),
    .testTarget(name: "KernelModelTests", dependencies: ["KernelModel", "KernelMemory"]),
    .testTarget(name: "NFS4Tests", dependencies: ["NFS4"]),
    .testTarget(name: "ONCRPCTests", dependencies: ["ONCRPC", "CTirpc"]),
    .testTarget(
      name: "NFS4ServerTests", dependencies: ["NFS4Server", "NFS4", "KernelModel", "KernelMemory", "ONCRPC"]),
    .testTarget(name: "NFS4ClientTests", dependencies: ["NFS4Client", "Connectathon", "NFS4", "ONCRPC"]),
    .testTarget(name: "ConnectathonTests", dependencies: ["Connectathon", "NFS4Client", "NFS4", "ONCRPC"]),
    .testTarget(name: "StatisticsTests", dependencies: ["Statistics"]),
    .testTarget(name: "RunStoreTests", dependencies: ["RunStore"]),
    .testTarget(name: "VerdictTests", dependencies: ["Verdict", "RunStore"]),
    .testTarget(
      name: "ExperimentTests",
      dependencies: ["Experiment", "RunStore", "KernelModel", "KernelMemory", "NFS4Server", "Connectathon", "NFS4"],
      resources: [.copy("Fixtures")]),
    .testTarget(name: "ReportTests", dependencies: ["Report", "Verdict", "RunStore"]),
    .testTarget(name: "EndToEndTests", dependencies: ["nfschurn"], exclude: ["Support/KernelClient"]),
  ],
  swiftLanguageModes: [.v6]
)

// Warnings are errors in everything that is written in Swift.
for target in package.targets where target.type != .system && !["CTirpcShim", "CPrefetch"].contains(target.name) {
  target.swiftSettings = (target.swiftSettings ?? []) + [.treatAllWarnings(as: .error)]
}

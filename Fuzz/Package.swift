// swift-tools-version: 6.2
import PackageDescription

// A package of its own, since all of it is built with the sanitizer's instrumentation: see scripts/fuzz.
let package = Package(
  name: "Fuzz",
  dependencies: [.package(name: "nfschurn", path: "..")],
  targets: [
    .executableTarget(
      name: "CompoundFuzzer",
      dependencies: [
        .product(name: "NFS4Server", package: "nfschurn"), .product(name: "KernelModel", package: "nfschurn"),
        .product(name: "ONCRPC", package: "nfschurn"),
      ],
      // libFuzzer brings main.
      swiftSettings: [.unsafeFlags(["-parse-as-library", "-sanitize=fuzzer"])],
      linkerSettings: [.unsafeFlags(["-sanitize=fuzzer"])])
  ],
  swiftLanguageModes: [.v6]
)

// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The zones of FreeBSD 6, whose names text traces speak in on every model.
public enum CanonicalZone {
  /// Size of an item of a canonical zone, bytes; nil for a name that is none.
  public static func itemSize(named name: String) -> Int? {
    let zones = UMAKernelZones(.i386)
    return (zones.early + zones.atBoot + zones.onDemand).first { $0.name == name }?.size
  }
}

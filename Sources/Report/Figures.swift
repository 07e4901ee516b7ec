// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Numbers as the reports print them: the same in every locale.
public enum Figures {
  /// An integer with a comma between groups of three digits.
  public static func grouped(_ value: some BinaryInteger) -> String {
    let digits = String(value.magnitude)
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index).isMultiple(of: 3) { text.append(",") }
      text.append(digit)
    }
    return value < 0 ? "-" + text : text
  }

  /// A number with a fixed count of decimals, rounded half away from zero.
  public static func fixed(_ value: Double, _ decimals: Int) -> String {
    guard value.isFinite, value.magnitude < 1e15 else { return "\(value)" }
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    let scaled = UInt64((value.magnitude * scale).rounded())
    let divisor = UInt64(scale)
    let sign = value < 0 && scaled > 0 ? "-" : ""
    guard decimals > 0 else { return sign + String(scaled) }
    let fraction = String(scaled % divisor)
    return sign + String(scaled / divisor) + "." + String(repeating: "0", count: decimals - fraction.count) + fraction
  }

  /// A number with at least four significant digits, or nothing but the digits it has.
  public static func significant(_ value: Double) -> String {
    switch value.magnitude {
    case 0: "0"
    case 1000...: fixed(value, 0)
    case 10..<1000: fixed(value, 2)
    case 0.1..<10: fixed(value, 4)
    case 0.0001..<0.1: fixed(value, 7)
    default: scientific(value)
    }
  }

  /// Mantissa of four digits and a power of ten, for numbers too small to be written out.
  private static func scientific(_ value: Double) -> String {
    guard value.isFinite else { return "\(value)" }
    var mantissa = value
    var exponent = 0
    while mantissa.magnitude < 1, exponent > -400 {
      mantissa *= 10
      exponent -= 1
    }
    return "\(fixed(mantissa, 3))e\(exponent)"
  }

  /// Bytes in the largest unit that keeps the number at 1 or more, one decimal.
  public static func bytes(_ value: Int) -> String {
    let magnitude = Double(value.magnitude)
    let sign = value < 0 ? "-" : ""
    if magnitude >= 1_073_741_824 { return sign + fixed(magnitude / 1_073_741_824, 2) + " GiB" }
    if magnitude >= 1_048_576 { return sign + fixed(magnitude / 1_048_576, 1) + " MiB" }
    if magnitude >= 1024 { return sign + fixed(magnitude / 1024, 1) + " KiB" }
    return "\(value) B"
  }

  /// A length of time in days, hours, minutes and seconds, the two largest units that are not zero.
  public static func duration(seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e15 else { return "\(seconds) s" }
    if seconds < 60 { return fixed(seconds, seconds < 10 ? 2 : 1) + " s" }
    let whole = UInt64(seconds.rounded())
    let (days, hours, minutes) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60)
    if days > 0 { return "\(days) d \(hours) h" }
    if hours > 0 { return "\(hours) h \(minutes) min" }
    return "\(minutes) min \(whole % 60) s"
  }
}

// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// A map whose ranges are backed by wired physical pages: kmem_malloc() in its generic form.
///
/// FreeBSD sys/vm/vm_kern.c kmem_malloc: find space in the map, then take the physical pages; a caller that may sleep
/// waits for the page daemon where pages are short, one that may not gives the space back. What a full map means is for
/// the caller to say, who gets a code.
public final class WiredMap {
  /// No free range of the map is long enough.
  public static let noSpace = -1
  /// Physical pages are short and the caller may not sleep.
  public static let noPages = -2
  /// Physical pages are short and stay so: the caller would sleep for ever.
  public static let pagesNeverCome = -3
  /// What a thread is stuck on in vm_wait(): `vmwait` is what ps shows as its wait channel on FreeBSD 4 to 14 and on DragonFly
  /// (recollection; VM_WAIT is the macro that calls it).
  static let vmwait = "vmwait: physical pages are short and none is freed"

  /// The address space.
  public let space: AddressMap
  /// The physical pages; nil means that there are always enough.
  public let physical: PhysicalPages?

  /// A map over `space` that takes its pages from `physical`.
  public init(space: AddressMap, physical: PhysicalPages?) {
    self.space = space
    self.physical = physical
  }

  /// Takes a range of pages.
  ///
  /// - Returns: the index of the first page, or one of the three codes, all of which are below 0.
  @inline(__always)
  public func allocate(pages: Int, _ wait: WaitPolicy) -> Int {
    let page = space.allocate(pages: pages)
    guard page >= 0 else { return Self.noSpace }
    guard let physical, !physical.take(pages) else { return page }
    return wire(page, pages, wait, physical)
  }

  /// Gives a range of pages back.
  @inline(__always)
  public func free(page: Int, pages: Int) {
    space.free(page: page, pages: pages)
    physical?.give(pages)
  }

  /// The second try of a caller that found too few physical pages.
  @inline(never)
  func wire(_ page: Int, _ pages: Int, _ wait: WaitPolicy, _ physical: PhysicalPages) -> Int {
    if wait == .wait && physical.waitAndTake(pages) { return page }
    space.free(page: page, pages: pages)
    return wait == .wait ? Self.pagesNeverCome : Self.noPages
  }
}

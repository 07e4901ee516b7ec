// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import CPrefetch

/// The hot path of malloc(9): what needs no page, changes no maximum and finds nothing wrong.
///
/// Both calls change nothing where they cannot do it; the long path does the call from its beginning. They are static
/// functions over ``State``, so that a caller which holds the pointer touches no object.
extension BucketMalloc {
  /// The head of the list for a type that stays below its limit and its maximum.
  ///
  /// - Returns: false for the long path; else `address` is that of the item.
  @inline(__always)
  static func take(
    _ state: UnsafeMutablePointer<State>, _ size: Int, _ type: Int, _ order: FreeListOrder,
    _ address: inout KernelAddress
  ) -> Bool {
    guard UInt(bitPattern: type) < UInt(bitPattern: state.pointee.fastTypes) else { return false }
    let below = UInt(bitPattern: size &- 1)
    guard below < UInt(bitPattern: largestListed) else { return false }
    let unit = State.unit(state, below: below)
    let bucket = State.bucket(state, unit)
    let places = bucket.pointee.places
    let item = Int(UInt32(bitPattern: places[0]))
    if order == .lifo, item == 0 { return false }
    let next = places[item]
    // In FIFO order the last item of a list is for the long path, which takes the tail back.
    if order == .fifo, next == 0 { return false }
    let record = state.pointee.types[type]
    let sum = record.pointee.bytes &+ bucket.pointee.size
    guard sum <= record.pointee.quietBytes else { return false }
    places[0] = next
    places[item] = Int32(truncatingIfNeeded: 0 &- size)
    let offset = UInt64(truncatingIfNeeded: item) &<< bucket.pointee.shift
    state.pointee.counts[Int(truncatingIfNeeded: offset &>> 12)] &-= 1
    bucket.pointee.free &-= 1
    record.pointee.bytes = sum
    record.pointee.inUse &+= 1
    TypeColumn.requests(record, unit).pointee &+= 1
    state.pointee.bytesAskedFor &+= size
    address = KernelAddress(rawValue: state.pointee.origin &+ offset)
    return true
  }

  /// A live item of a listed class goes on its list.
  ///
  /// With `needsUse` a type that has nothing in use is left to the long path.
  ///
  /// - Returns: false for the long path.
  @inline(__always)
  static func give(
    _ state: UnsafeMutablePointer<State>, _ address: KernelAddress, _ type: Int, _ order: FreeListOrder,
    needsUse: Bool = false
  ) -> Bool {
    guard UInt(bitPattern: type) < UInt(bitPattern: state.pointee.fastTypes) else { return false }
    let offset = address.rawValue &- state.pointee.origin
    guard offset < state.pointee.endOffset else { return false }
    let page = Int(truncatingIfNeeded: offset &>> 12)
    // A class without a list has the mask that no offset passes but 0, whose place is not live.
    let bucket = State.bucket(state, Int(state.pointee.units[page]))
    guard offset & bucket.pointee.mask == 0 else { return false }
    let item = Int(truncatingIfNeeded: offset &>> bucket.pointee.shift)
    let places = bucket.pointee.places
    let asked = Int(places[item])
    guard asked < 0 else { return false }
    let record = state.pointee.types[type]
    if needsUse, record.pointee.inUse <= 0 { return false }
    countFree(bucket, state.pointee.counts + page)
    record.pointee.credit(bucket.pointee.size)
    state.pointee.bytesGivenBack &-= asked
    push(item, bucket, places, order)
    return true
  }

  /// Counts an item more on the list and among the free ones of its page.
  ///
  /// kb_couldfree counts where the page is wholly free now and the list was above its high water mark before; nothing acts
  /// on it. Both are told by a sign, for branches on them would be a coin's toss where a page has few items.
  @inline(__always)
  static func countFree(_ bucket: UnsafeMutablePointer<Bucket>, _ count: UnsafeMutablePointer<UInt16>) {
    let ofPage = count.pointee &+ 1
    count.pointee = ofPage
    let pageIsFree = bucket.pointee.itemsPerRefill &- 1 &- Int32(ofPage)
    let free = bucket.pointee.free
    bucket.pointee.free = free &+ 1
    let listIsLong = bucket.pointee.highWater &- free
    bucket.pointee.couldFree &+= Int(UInt32(bitPattern: pageIsFree & listIsLong) &>> 31)
  }

  /// Puts an item on the list: at its head, or behind its last item.
  @inline(__always)
  static func push(
    _ item: Int, _ bucket: UnsafeMutablePointer<Bucket>, _ places: UnsafeMutablePointer<Int32>, _ order: FreeListOrder
  ) {
    if order == .lifo {
      places[item] = places[0]
      places[0] = Int32(truncatingIfNeeded: item)
    } else {
      places[item] = 0
      places[Int(UInt32(bitPattern: bucket.pointee.tail))] = Int32(truncatingIfNeeded: item)
      bucket.pointee.tail = Int32(truncatingIfNeeded: item)
    }
  }

  /// Fetches what a free of this address will read.
  @inline(__always)
  static func prefetchGive(_ state: UnsafeMutablePointer<State>, _ address: KernelAddress) {
    let offset = address.rawValue &- state.pointee.origin
    guard offset < state.pointee.endOffset else { return }
    let bucket = State.bucket(state, Int(state.pointee.units[Int(truncatingIfNeeded: offset &>> 12)]))
    nfschurn_prefetch(bucket.pointee.places + Int(truncatingIfNeeded: offset &>> bucket.pointee.shift))
  }
}

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A block of zeroed memory on a cache-line boundary, freed with its last reference.
///
/// Operations write to it from many threads; whoever holds it sees to it that a plan and other
/// readers take turns.
public final class Storage<Element: BitwiseCopyable>: @unchecked Sendable {
  /// The first element; valid as long as the storage lives.
  public let pointer: UnsafeMutablePointer<Element>
  /// How many elements there are.
  public let count: Int
  private static var hugePage: Int { 2 << 20 }

  /// Room for `count` elements, all zero.
  public init(count: Int) {
    self.count = count
    let bytes = max(64, count * MemoryLayout<Element>.stride)
    let isLarge = bytes >= Self.hugePage
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: bytes, alignment: isLarge ? Self.hugePage : 64)
    #if os(Linux)
      // A step walks whole columns of its matrices, a page a row: 2 % of its time on small pages.
      let hugePages: Int32 = 14  // MADV_HUGEPAGE
      if isLarge { madvise(memory, bytes, hugePages) }
    #endif
    memset(memory, 0, bytes)
    pointer = memory.bindMemory(to: Element.self, capacity: count)
  }

  deinit { UnsafeMutableRawPointer(pointer).deallocate() }

  /// All elements; valid as long as the storage lives.
  public var values: UnsafeMutableBufferPointer<Element> {
    UnsafeMutableBufferPointer(start: pointer, count: count)
  }

  /// The whole block as a numbered buffer of a plan.
  public var buffer: Buffer { Buffer(data: pointer, count: UInt64(count)) }
}

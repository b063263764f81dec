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
  /// Bytes that were mapped, 0 where they were allocated.
  private let mapped: Int
  private static var hugePage: Int { 2 << 20 }
  private static var hugePages: Int32 { 14 }  // MADV_HUGEPAGE

  /// Room for `count` elements, all zero.
  ///
  /// - Precondition: the count is not negative, and memory holds as many.
  public init(count: Int) {
    precondition(count >= 0, "a storage holds no negative number of elements")
    self.count = count
    mapped = 0
    let bytes = max(64, count * MemoryLayout<Element>.stride)
    let isLarge = bytes >= Self.hugePage
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: bytes, alignment: isLarge ? Self.hugePage : 64)
    #if os(Linux)
      // A step walks whole columns of its matrices, a page a row: 2 % of its time on small pages.
      if isLarge { madvise(memory, bytes, Self.hugePages) }
    #endif
    memset(memory, 0, bytes)
    pointer = memory.bindMemory(to: Element.self, capacity: count)
  }

  /// Room for `count` elements, of which only those of `part` are held in memory, zero: nothing may touch
  /// the others.
  ///
  /// - Precondition: the part lies within the whole.
  public init(count: Int, holding part: Range<Int>) {
    precondition(count >= 0, "a storage holds no negative number of elements")
    let page = Int(getpagesize())
    let bytes = max(page, (count * MemoryLayout<Element>.stride + page - 1) / page * page)
    let flags = MAP_PRIVATE | MAP_ANON
    let memory = mmap(nil, bytes, PROT_NONE, flags, -1, 0)
    guard let memory, memory != MAP_FAILED else { fatalError("no room for \(bytes) bytes") }
    self.count = count
    mapped = bytes
    pointer = memory.bindMemory(to: Element.self, capacity: count)
    hold(part)
  }

  /// Holds another part in memory, too.
  public func hold(_ part: Range<Int>) {
    precondition(part.lowerBound >= 0 && part.upperBound <= count, "a part lies within the whole")
    guard mapped > 0 else { return }
    let page = Int(getpagesize())
    let stride = MemoryLayout<Element>.stride
    let first = part.lowerBound * stride / page * page
    let last = min(mapped, (part.upperBound * stride + page - 1) / page * page)
    let memory = UnsafeMutableRawPointer(pointer) + first
    let status = mprotect(memory, last - first, PROT_READ | PROT_WRITE)
    guard status == 0 else { fatalError("no memory for \(last - first) bytes") }
    #if os(Linux)
      madvise(memory, last - first, Self.hugePages)
    #endif
  }

  deinit {
    guard mapped == 0 else {
      munmap(pointer, mapped)
      return
    }
    UnsafeMutableRawPointer(pointer).deallocate()
  }

  /// Makes all elements zero, as they were at first.
  ///
  /// - Precondition: all of them are held in memory.
  public func zero() { memset(pointer, 0, count * MemoryLayout<Element>.stride) }

  /// All elements; valid as long as the storage lives.
  public var values: UnsafeMutableBufferPointer<Element> {
    UnsafeMutableBufferPointer(start: pointer, count: count)
  }

  /// The whole block as a numbered buffer of a plan.
  public var buffer: Buffer { Buffer(data: pointer, count: UInt64(count)) }
}

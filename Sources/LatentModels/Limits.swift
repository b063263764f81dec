import LatentKernels
import LatentNetworks

/// Checks a number of `things` that are held together, before memory is asked for.
///
/// - Parameter values: numbers in each of them, 8 bytes apiece.
/// - Throws: ``SettingError`` for fewer than `least`, more than memory holds, or more than counters of
///   random numbers tell apart.
func checkCount(_ count: Int, of things: String, atLeast least: Int = 1, values: Double) throws {
  guard count >= least else {
    throw SettingError("The number of \(things) must be at least \(least), found \(count).")
  }
  let most = min(0x1p32, Double(physicalMemory) / (8 * max(1, values)))
  guard Double(count) <= most else {
    throw SettingError(
      "The number of \(things) must be at most \(Int(most)) on this machine, found \(count).")
  }
}

/// - Throws: ``SettingError`` for rows of a batch, or draws of them, that no plan has room for.
func checkCapacity(_ capacity: Int, samples: Int = 1) throws {
  guard 1...Int(UInt32.max) ~= capacity else {
    throw SettingError(
      "The capacity of a plan must be 1...\(UInt32.max) rows, found \(capacity).")
  }
  // Any matrix has a cache line a row.
  try checkMemory(64 * Double(capacity) * Double(samples), rows: capacity, samples: samples)
}

/// - Throws: ``SettingError`` where a batch takes more memory than there is.
func checkMemory(_ bytes: Double, rows: Int, samples: Int) throws {
  try expectMemory(
    for: bytes,
    "Work on \(rows) rows with \(samples) \(samples == 1 ? "draw" : "draws") of z each",
    "choose smaller batches or fewer samples")
}

extension StepBuilder {
  /// Checks the room that the operations so far need, before it is asked for.
  ///
  /// - Throws: ``SettingError`` where it is more than this machine's memory.
  func checkWorkspace(samples: Int = 1) throws {
    var builder = self
    // What would come next begins where the others end.
    let end = builder.vector(count: 0).offset
    try checkMemory(4 * Double(end), rows: capacity, samples: samples)
  }
}

extension BatchSource {
  /// - Throws: ``SettingError`` naming a row that is not there, or another rank's.
  func check(rows: some Sequence<Int>) throws {
    for row in rows where !(held ~= row) {
      let number = row < 0 ? "\(row + 1)" : "\(UInt(row) + 1)"
      let isElsewhere = 0..<count ~= row
      throw SettingError(
        isElsewhere
          ? "Row \(number) is not held here: rows \(held.lowerBound + 1) to \(held.upperBound) of \(count) are."
          : "There is no row \(number): the data has \(count) rows.")
    }
  }
}

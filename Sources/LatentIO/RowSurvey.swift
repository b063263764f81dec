import LatentKernels

/// What a reading of the whole file tells of its rows.
///
/// Of several ranks each reads the rows that it will hold, where the file tells how many there are; of text all
/// ranks read all, since nothing else tells where a row begins.
struct RowSurvey {
  /// Rows in the file.
  private(set) var count = 0
  /// Those of this rank.
  private(set) var range = 0..<0
  /// Bytes of 0 and 1.
  private(set) var isBinary = true
  private(set) var isExactInFloat = true
  /// Of this rank's rows, where a column says so.
  private(set) var weights: [Double]?
  private(set) var firstMissing: Place?
  private(set) var firstInfinite: Place?

  struct Place {
    var row, column: Int
    var line: Int?
  }

  init(
    _ reader: any RowReader, chunkRows: Int, communicator: any Communicator, groups: Int?
  ) throws {
    weights = reader.hasWeights ? [] : nil
    guard communicator.size > 1, let known = reader.count else {
      try communicator.unanimously { try read(reader, 0..<(reader.count ?? .max), chunkRows) }
      var facts = Agreement()
      facts.add("rows in the data", count)
      try communicator.agree(on: facts)
      range = communicator.share(of: count, groups: groups)
      weights = weights.map { Array($0[range]) }
      return
    }
    range = communicator.share(of: known, groups: groups)
    let facts = try communicator.byRank(count: 8) {
      try reader.skip(range.lowerBound)
      try read(reader, range, chunkRows)
      func numbers(_ place: Place?) -> [Double] {
        [place == nil ? 0 : 1, Double(place?.row ?? 0), Double(place?.column ?? 0)]
      }
      return [isBinary ? 1 : 0, isExactInFloat ? 1 : 0] + numbers(firstMissing)
        + numbers(firstInfinite)
    }
    count = known
    isBinary = facts.allSatisfy { $0[0] > 0 }
    isExactInFloat = facts.allSatisfy { $0[1] > 0 }
    func first(_ at: Int) -> Place? {
      facts.first { $0[at] > 0 }.map { Place(row: Int($0[at + 1]), column: Int($0[at + 2])) }
    }
    (firstMissing, firstInfinite) = (first(2), first(5))
  }

  /// Reads rows up to the range's end, and the end of the file where that is the range's.
  private mutating func read(
    _ reader: any RowReader, _ range: Range<Int>, _ chunkRows: Int
  ) throws {
    var row = range.lowerBound
    let isLast = range.upperBound >= reader.count ?? .max
    while isLast || row < range.upperBound,
      let piece = try reader.read(min(chunkRows, max(1, range.upperBound - row)))
    {
      let values = piece.storage
      isBinary = isBinary && values.isBinary
      isExactInFloat = isExactInFloat && values.isExactInFloat
      func place(_ index: Int) -> Place {
        let (inPiece, column) = index.quotientAndRemainder(dividingBy: reader.columns)
        return Place(row: row + inPiece, column: column, line: piece.lines?[inPiece])
      }
      if firstMissing == nil {
        firstMissing = values.firstIndex { $0.isNaN }.map(place)
      }
      if firstInfinite == nil {
        firstInfinite = values.firstIndex { $0.isInfinite }.map(place)
      }
      weights? += piece.weights ?? []
      row += piece.count
    }
    count = row
  }
}

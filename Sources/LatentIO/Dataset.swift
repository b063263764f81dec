import LatentKernels

/// Height and width of a grey image, in pixels.
public struct ImageShape: Sendable, Equatable {
  /// Rows of pixels.
  public let height: Int
  /// Pixels of a row.
  public let width: Int

  /// An image of `height` rows of `width` pixels.
  public init(height: Int, width: Int) {
    self.height = height
    self.width = width
  }
}

/// Rows of observations, and what is known about them.
public struct Dataset: Sendable {
  /// What messages call it: the path it came from.
  public let name: String
  /// One observation a row.
  public let rows: Rows
  /// Set when a row is an image, read row after row.
  public let imageShape: ImageShape?
  /// One name a column.
  public let columnNames: [String]?
  /// One label a row.
  public let labels: [String]?
  /// How much each row counts, where a column says so.
  public let weights: [Double]?
  /// The line of the text file that each row came from.
  let lines: [Int]?

  /// - Throws: ``ShapeError`` when names, labels or the image do not fit the rows.
  public init(
    name: String, rows: Rows, imageShape: ImageShape? = nil, columnNames: [String]? = nil,
    labels: [String]? = nil
  ) throws {
    if let shape = imageShape {
      let (pixels, overflow) = shape.height.multipliedReportingOverflow(by: shape.width)
      guard shape.height > 0, shape.width > 0, !overflow, pixels == rows.columns else {
        throw ShapeError(
          "\(name): images of \(shape.height) x \(shape.width) need as many columns, found "
            + "\(rows.columns).")
      }
    }
    if let columnNames, columnNames.count != rows.columns {
      throw ShapeError("\(name): \(rows.columns) columns have \(columnNames.count) names.")
    }
    if let labels, labels.count != rows.count {
      throw ShapeError("\(name): \(rows.count) rows have \(labels.count) labels.")
    }
    self.init(
      name: name, rows: rows, imageShape: imageShape, columnNames: columnNames, labels: labels,
      lines: nil)
  }

  /// The caller answers for the counts.
  init(
    name: String, rows: Rows, imageShape: ImageShape?, columnNames: [String]?, labels: [String]?,
    lines: [Int]?, weights: [Double]? = nil
  ) {
    self.weights = weights
    self.name = name
    self.rows = rows
    self.imageShape = imageShape
    self.columnNames = columnNames
    self.labels = labels
    self.lines = lines
  }

  /// The rows with the given indices, in that order.
  ///
  /// - Precondition: there are such rows.
  public func selecting(_ indices: [Int]) -> Dataset {
    Dataset(
      name: name, rows: rows.selecting(indices), imageShape: imageShape, columnNames: columnNames,
      labels: labels.map { labels in indices.map { labels[$0] } },
      lines: lines.map { lines in indices.map { lines[$0] } },
      weights: weights.map { weights in indices.map { weights[$0] } })
  }
}

// MARK: - Values that are not numbers

extension Dataset {
  /// The first NaN or infinity, in row order; both indices count from 0.
  public func firstNonFinite() -> (row: Int, column: Int)? {
    firstIndex(allowMissing: false).map { ($0 / rows.columns, $0 % rows.columns) }
  }

  /// Checks that every value is a finite number, or missing (NaN) where that is allowed.
  ///
  /// - Parameter first: the number of the first row, for messages.
  /// - Throws: ``FileError`` that names the row, its line and the column.
  public func validateFinite(allowMissing: Bool = false, first: Int = 0) throws {
    guard let index = firstIndex(allowMissing: allowMissing) else { return }
    let (row, column) = index.quotientAndRemainder(dividingBy: rows.columns)
    throw FileError(
      name, isMissing: rows.value(row, column).isNaN, row: first + row, line: lines?[row],
      column: column, names: columnNames)
  }

  private func firstIndex(allowMissing: Bool) -> Int? {
    func search<Value: BinaryFloatingPoint>(_ values: [Value]) -> Int? {
      values.firstIndex { !$0.isFinite && !(allowMissing && $0.isNaN) }
    }
    return switch rows.storage {
    case .bytes: nil
    case .floats(let values): search(values)
    case .doubles(let values): search(values)
    }
  }
}

// MARK: - Holding rows out

extension Dataset {
  /// Sets a fraction of the rows aside, the same ones on every machine; both parts keep the order.
  ///
  /// - Throws: ``SettingError`` unless both parts get a row.
  public func split(
    heldOutFraction fraction: Double, seed: UInt64
  ) throws -> (training: Dataset, heldOut: Dataset) {
    let count = try heldOutCount(fraction, of: rows.count, name: name)
    let keys = (0..<rows.count).map { splitMix64(seed: seed, index: UInt64($0)) }
    // The row breaks ties: the order does not depend on the sort.
    let order = keys.indices.sorted { (keys[$0], $0) < (keys[$1], $1) }
    return (
      training: selecting(order[count...].sorted()), heldOut: selecting(order[..<count].sorted())
    )
  }
}

/// The `index`-th number of the SplitMix64 sequence that `seed` starts: another one for each index, since
/// every step below can be undone.
func splitMix64(seed: UInt64, index: UInt64) -> UInt64 {
  var z = seed &+ (index &+ 1) &* 0x9e37_79b9_7f4a_7c15
  z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
  z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
  return z ^ (z >> 31)
}

import LatentKernels

/// Values that a model cannot take.
public struct DataError: LatentError, Equatable {
  /// One sentence that names the data, what was expected and what was found.
  public let description: String
  /// An error that says `description`.
  public init(_ description: String) { self.description = description }

  /// - Parameter column: counted from 0; nil where no single one is to blame.
  init(tooLargeToSquare column: Int?) {
    self.init(
      column.map {
        "The values of column \($0 + 1) are too large to square; rescale the column."
      } ?? "The values are too large to square; rescale the columns.")
  }
}

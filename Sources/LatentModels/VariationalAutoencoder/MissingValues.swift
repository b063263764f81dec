import LatentIO
import LatentKernels

extension Dataset {
  /// - Parameter first: the number of the first row, for messages.
  /// - Throws: ``DataError`` naming the first row whose every value is missing: nothing can be said of
  ///   it.
  func validateSomeObserved(first: Int) throws {
    if case .bytes = rows.storage { return }
    for row in 0..<rows.count
    where rows.columns > 0 && (0..<rows.columns).allSatisfy({ rows.value(row, $0).isNaN }) {
      throw DataError(
        "\(name): every value of row \(first + row + 1) is missing; a VAE needs at least one, drop the row."
      )
    }
  }
}

/// An error that a user can mend. Its `description` is one sentence that names the thing, what was
/// expected and what was found.
public protocol LatentError: Error, CustomStringConvertible, Sendable {}

/// Shapes or sizes that do not fit together.
public struct ShapeError: LatentError, Equatable {
  /// One sentence that names what was expected and what was found.
  public let description: String
  /// An error that says `description`.
  public init(_ description: String) { self.description = description }
}

/// A setting outside its range.
public struct SettingError: LatentError, Equatable {
  /// One sentence that names the setting, its range and what was found.
  public let description: String
  /// An error that says `description`.
  public init(_ description: String) { self.description = description }
}

/// Outputs that lie where an input or another output does.
public struct OverlapError: LatentError, Equatable {
  /// One sentence that names both.
  public let description: String
  /// An error that says `description`.
  public init(_ description: String) { self.description = description }
}

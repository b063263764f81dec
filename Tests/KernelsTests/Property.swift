import Foundation
import Testing

/// A made-up case that has smaller neighbours, boldest first.
protocol Shrinkable: CustomStringConvertible {
  var smaller: [Self] { get }
}

extension Shrinkable {
  /// Smaller cases with one part of this one changed.
  func replacing<Value: Equatable>(
    _ path: WritableKeyPath<Self, Value>, with values: [Value]
  ) -> [Self] {
    values.filter { $0 != self[keyPath: path] }.map { value in
      var copy = self
      copy[keyPath: path] = value
      return copy
    }
  }
}

extension Int {
  /// Half of it and one less, none below `least`.
  func shrunk(to least: Int = 1) -> [Int] {
    self > least ? [Swift.max(least, self / 2), self - 1] : []
  }
}

/// Random cases of a property: a few in ordinary tests, the same each time, more by
/// LATENT_PROPERTIES=number, others by LATENT_PROPERTY_SEED=number.
enum Property {
  static let count = number("LATENT_PROPERTIES")
  static let seed = UInt64(number("LATENT_PROPERTY_SEED") ?? 1)

  private static func number(_ name: String) -> Int? {
    ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
  }

  /// What failed, made small.
  struct Failure<Example: Shrinkable>: CustomStringConvertible {
    var seed: UInt64
    var found, example: Example
    var message: String

    var description: String {
      "\(message)\n  smallest: \(example)\n  found in: \(found)\n"
        + "  repeat with LATENT_PROPERTY_SEED=\(seed) LATENT_PROPERTIES=1"
    }
  }

  /// The first of `count` cases that has something to say, made as small as it goes.
  static func firstFailure<Example: Shrinkable>(
    count: Int, from seed: UInt64 = seed, make: (inout SplitMix) -> Example,
    message: (Example) throws -> String?
  ) rethrows -> Failure<Example>? {
    for index in 0..<UInt64(count) {
      // Case by case, so that any of them can be the first of another run.
      var random = SplitMix(state: (seed &+ index) &* 0x2545_f491_4f6c_dd1d)
      let found = make(&random)
      guard let first = try message(found) else { continue }
      var failure = Failure(seed: seed &+ index, found: found, example: found, message: first)
      var tries = 500
      search: while true {
        for candidate in failure.example.smaller {
          tries -= 1
          if tries < 0 { break search }
          guard let message = try message(candidate) else { continue }
          failure.example = candidate
          failure.message = message
          continue search
        }
        break
      }
      return failure
    }
    return nil
  }

  /// Records the first failure among `count` cases, or as many as the environment asks for.
  static func check<Example: Shrinkable>(
    count: Int, make: (inout SplitMix) -> Example, message: (Example) throws -> String?
  ) rethrows {
    if let failure = try firstFailure(count: Self.count ?? count, make: make, message: message) {
      Issue.record("\(failure)")
    }
  }
}

extension SplitMix {
  /// A size up to `most`: small ones often, and the edges of panels and tiles.
  mutating func size(_ most: Int, least: Int = 1) -> Int {
    let edges = [1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65, 95, 96, 97]
    let chosen =
      switch next() % 3 {
      case 0: edges[Int(next() % UInt64(edges.count))]
      case 1: Int(next() % 20)
      default: Int(next() % UInt64(most)) + 1
      }
    return min(max(chosen, least), most)
  }

  mutating func choice<Element>(_ elements: [Element]) -> Element {
    elements[Int(next() % UInt64(elements.count))]
  }

  mutating func flip() -> Bool { next() & 1 == 0 }
}

import Foundation

extension JSONDecoder {
  /// Decodes text that nobody vouches for.
  ///
  /// Nothing of ours nests deeper than 64. Foundation's own limit of 512 ends the process, in place of an
  /// error, where the bracket that passes it is the last byte (as of Swift 6.3).
  package func decodeChecked<Value: Decodable>(
    _ type: Value.Type, from text: some Collection<UInt8>
  ) throws -> Value {
    guard nestingDepth(text) <= 64 else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: [], debugDescription: "It nests deeper than 64."))
    }
    return try decode(type, from: Data(text))
  }
}

/// How many brackets and braces are open at once, of text that may be no JSON at all.
private func nestingDepth(_ text: some Collection<UInt8>) -> Int {
  var (depth, deepest, inString, isEscaped) = (0, 0, false, false)
  for byte in text {
    switch byte {
    case _ where isEscaped: isEscaped = false
    case UInt8(ascii: "\\"): isEscaped = inString
    case UInt8(ascii: "\""): inString.toggle()
    case _ where inString: break
    case UInt8(ascii: "["), UInt8(ascii: "{"):
      depth += 1
      deepest = max(deepest, depth)
    case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
    default: break
    }
  }
  return deepest
}

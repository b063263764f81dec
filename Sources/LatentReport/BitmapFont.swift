import Foundation

/// Printable ASCII, 5 x 7 pixels a character, and one more below the line for g, j, p, q and y.
enum BitmapFont {
  static let width = 5
  static let height = 7
  static let heightBelow = 1
  /// From the start of one character to the start of the next.
  static let advance = 6

  /// Whether the pixel of a character is set; what is not in the font is a box.
  static func isSet(_ character: Character, x: Int, y: Int) -> Bool {
    guard let code = character.asciiValue, 32..<127 ~= code else {
      return y < height && (x == 0 || x == width - 1 || y == 0 || y == height - 1)
    }
    return columns[(Int(code) - 32) * width + x] >> y & 1 == 1
  }

  /// Five columns a character from the space on, the top pixel in the lowest bit.
  private static let columns: [UInt8] = [
    """
    0000000000 00005f0000 0007000700 147f147f14 242a7f2a12 2313086462 3649552250 0005030000
    001c224100 0041221c00 14083e0814 08083e0808 0050300000 0808080808 0060600000 2010080402
    3e5149453e 00427f4000 4261514946 2141454b31 1814127f10 2745454539 3c4a494930 0171090503
    3649494936 064949291e 0036360000 0056360000 0814224100 1414141414 0041221408 0201510906
    324979413e 7e1111117e 7f49494936 3e41414122 7f4141221c 7f49494941 7f09090901 3e4149497a
    7f0808087f 00417f4100 2040413f01 7f08142241 7f40404040 7f020c027f 7f0408107f 3e4141413e
    7f09090906 3e4151215e 7f09192946 4649494931 01017f0101 3f4040403f 1f2040201f 3f4038403f
    6314081463 0708700807 6151494543 007f414100 0204081020 0041417f00 0402010204 4040404040
    0001020400 2054545478 7f48444438 3844444420 384444487f 3854545418 087e090102 18a4a4a47c
    7f08040478 00447d4000 4080847d00 7f10284400 00417f4000 7c04180478 7c08040478 3844444438
    fc24242418 18242424fc 7c08040408 4854545420 043f444020 3c4040207c 1c2040201c 3c4030403c
    4428102844 1ca0a0a07c 4464544c44 0008364100 00007f0000 0041360800 1008081008
    """
  ].flatMap { text in
    text.split(whereSeparator: \.isWhitespace).flatMap { glyph in
      let digits = glyph.map { UInt8($0.hexDigitValue!) }
      return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
  }
}

extension String {
  /// As the font has letters for it: "Größe" as "Grosse", "возраст" as "vozrast".
  var inBitmapFont: String {
    guard !utf8.allSatisfy({ $0 < 128 }) else { return self }
    return self.applyingTransform(StringTransform("Any-Latin; Latin-ASCII"), reverse: false) ?? self
  }
}

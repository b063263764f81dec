import LatentIO
import LatentReport
import Testing

#if OpenBLAS
  extension TableCommandTests {
    @Suite struct SegmentTests {
      private static let colors = [
        Color(red: 200, green: 60, blue: 50), Color(red: 60, green: 160, blue: 70),
        Color(red: 50, green: 80, blue: 190), Color(red: 230, green: 220, blue: 190),
      ]

      /// Four quarters of one colour each, under noise of some 15 levels.
      private func noisyPicture(side: Int) -> ColorImage {
        var image = ColorImage(height: side, width: side)
        var state: UInt64 = 1
        func noise() -> Int {
          (0..<3).reduce(0) { sum, _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return sum + Int(state >> 33) % 31 - 15
          }
        }
        for y in 0..<side {
          for x in 0..<side {
            let color = Self.colors[quarter(y, x, side)]
            func level(_ value: UInt8) -> UInt8 { UInt8(max(0, min(255, Int(value) + noise()))) }
            image[y, x] = Color(
              red: level(color.red), green: level(color.green), blue: level(color.blue))
          }
        }
        return image
      }

      private func quarter(_ y: Int, _ x: Int, _ side: Int) -> Int {
        (2 * y / side) * 2 + 2 * x / side
      }

      @Test func fourNoisyColoursAreToldApart() throws {
        let place = try Workspace()
        let side = 160
        try PNG.write(noisyPicture(side: side), to: "\(place.path)/four.png")
        let result = try place.latent("segment", "four.png", "--json").json()
        #expect((result["segments"] as? [Any])?.count == 4)
        let segments = try PNG.readColor("\(place.path)/four-segments/segments.png")
        var right = 0
        for y in 0..<side {
          for x in 0..<side {
            let found = segments[y, x]
            let nearest = Self.colors.indices.min {
              distance(found, Self.colors[$0]) < distance(found, Self.colors[$1])
            }
            if nearest == quarter(y, x, side) { right += 1 }
          }
        }
        #expect(Double(right) >= 0.99 * Double(side * side))
        let maps = try (1...4).map {
          try PNG.readGrey("\(place.path)/four-segments/probability-\($0).png")
        }
        let sum = maps.reduce(0) { $0 + Int($1[5, 5]) }
        #expect(253...257 ~= sum)
        try place.latent(
          "segment", "four.png", "--position", "0.5", "--components", "2", "--output", "placed")
      }

      /// Three equal columns have a singular covariance; grey pixels are one column.
      @Test func greyPictures() throws {
        let place = try Workspace()
        var picture = ColorImage(height: 40, width: 40)
        for pixel in 0..<1600 {
          let level = UInt8((pixel % 40 < 20 ? 40 : 200) + pixel * 7 % 13)
          for channel in 0..<3 { picture.pixels[3 * pixel + channel] = level }
        }
        try PNG.write(picture, to: "\(place.path)/grey.png")
        let outcome = try place.latent("segment", "grey.png", "--components", "2", "--json")
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        let segments = try #require(outcome.json()["segments"] as? [[String: Any]])
        #expect(segments.compactMap { $0["pixels"] as? Int } == [800, 800])
        #expect(
          Set(segments.compactMap { $0["color"] as? String }) == ["#2e2e2e", "#cecece"])
      }

      private func distance(_ a: Color, _ b: Color) -> Int {
        zip([a.red, a.green, a.blue], [b.red, b.green, b.blue]).reduce(0) { sum, levels in
          let difference = Int(levels.0) - Int(levels.1)
          return sum + difference * difference
        }
      }

      @Test func badPictures() throws {
        let place = try Workspace()
        try PNG.write(ColorImage(height: 4, width: 4), to: "\(place.path)/black.png")
        try place.latentRefuses(["segment", "black.png"], saying: "distinct")
        try place.latentRefuses(["segment", "black.png", "--components", "0"], saying: "1 to 64")
        try place.latentRefuses(
          ["segment", "black.png", "--components", "1", "--position", "-1"], saying: "position")
        try place.latentFails(["segment", "nowhere.png"], saying: "nowhere.png")
        try place.write("text.png", "no picture".utf8)
        try place.latentFails(["segment", "text.png"], saying: "PNG")
      }
    }
  }
#endif

import Foundation
import LatentIO
import LatentKernels
import Testing

#if OpenBLAS
  extension TableCommandTests {
    /// Rows that are less likely than most.
    @Suite struct FlagTests {
      let place: Workspace
      init() throws { place = try Workspace() }

      @Test func scoresFlagTheLeastLikelyRows() throws {
        try place.latent("fit", "mixture", "--output", "run")
        let result = try place.latent(
          "score", "run", "--flag", "0.05", "--output", "rows.csv", "--json"
        ).json()
        #expect(abs(try #require(result["logLikelihood"] as? Double) + 1130.264) < 0.002)
        let flagged = try #require(result["flaggedRows"] as? [Int])
        #expect(12...15 ~= flagged.count)
        let rows = try Dataset.load("\(place.path)/rows.csv")
        #expect(rows.columnNames == ["logDensity", "flagged"])
        for row in 0..<rows.rows.count {
          #expect((rows.rows.value(row, 1) == 1) == flagged.contains(row + 1))
        }
        try place.write("odd.csv", "eruptions,waiting\n4.3,80\n9,9\n".utf8)
        let odd = try place.latent("score", "run", "--data", "odd.csv", "--flag", "0.01", "--json")
        #expect(try odd.json()["flaggedRows"] as? [Int] == [2])
        try place.latentRefuses(["score", "run", "--flag", "2"], saying: "between 0 and 1")
      }

      /// Rows with gaps are held against draws with the same gaps, whatever the unit.
      @Test(arguments: [1e-3, 1, 1e3]) func flagsRowsWithGaps(unit: Double) throws {
        let random = CounterRandom(seed: 5, purpose: LATENT_PURPOSE_OBSERVATION)
        func rows(_ numbers: Range<Int>) -> [[Double]] {
          numbers.map { row -> [Double] in
            [3 * row, 3 * row + 1, 3 * row + 2].map { unit * random.normal($0) }
          }
        }
        func text(_ row: [Double]) -> String { row.map { String($0) }.joined(separator: ",") }
        try place.write(
          "fitted.csv",
          ("a,b,c\n" + rows(0..<1000).map(text).joined(separator: "\n") + "\n").utf8)
        let gappy = rows(1000..<1400).map { "," + text(Array($0[1...])) } + [",\(6 * unit),0"]
        try place.write("gaps.csv", ("a,b,c\n" + gappy.joined(separator: "\n") + "\n").utf8)
        try place.latent(
          "fit", "mixture", "--data", "fitted.csv", "--components", "1", "--output", "normal")
        let found = try place.latent(
          "score", "normal", "--data", "gaps.csv", "--flag", "0.05", "--json"
        ).json()
        let flagged = try #require(found["flaggedRows"] as? [Int])
        #expect(5...45 ~= flagged.count && flagged.contains(401), "\(flagged.count)")
      }

      /// Rows of no weight count neither in scores nor in thresholds.
      @Test func scoresOfWeightedRows() throws {
        let near = (0..<40).map { "\(Double($0 % 8)),\(Double($0 % 5)),1" }
        let far = (0..<10).map { "\(900 + $0),-900,0" }
        try place.write("all.csv", ("a,b,w\n" + (near + far).joined(separator: "\n") + "\n").utf8)
        try place.write("near.csv", ("a,b,w\n" + near.joined(separator: "\n") + "\n").utf8)
        for name in ["all", "near"] {
          try place.latent(
            "fit", "mixture", "--data", "\(name).csv", "--weights", "w", "--components", "1",
            "--output", name)
        }
        let all = try place.latent("score", "all", "--flag", "0.1", "--json").json()
        let near10 = try place.latent("score", "near", "--flag", "0.1", "--json").json()
        for key in ["logLikelihood", "meanLogLikelihood", "threshold"] {
          let (a, b) = (try #require(all[key] as? Double), try #require(near10[key] as? Double))
          #expect(abs(a - b) < 1e-9 * abs(b), "\(key)")
        }
      }
    }
  }
#endif

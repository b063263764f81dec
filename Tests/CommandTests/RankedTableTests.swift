#if OpenBLAS
  import Foundation
  import LatentIO
  import LatentKernels
  import LatentModels
  import Testing

  /// `mpirun latent fit mixture|factors` and `latent score`: what one process alone would write.
  @Suite(.enabled(if: Ranks.canRun, Ranks.absence), .serialized) struct RankedTableTests {
    let place: Workspace

    init() throws { place = try Workspace() }

    /// The largest difference, relative to the largest number of its kind.
    private func difference(_ x: [Double], _ y: [Double]) -> Double {
      zip(x, y).reduce(0) { max($0, abs($1.0 - $1.1)) } / y.reduce(0) { max($0, abs($1)) }
    }

    private func compareMixtures(_ one: String, _ other: String) throws {
      let a = try GaussianMixture.load("\(place.path)/\(one)/model.safetensors")
      let b = try GaussianMixture.load("\(place.path)/\(other)/model.safetensors")
      #expect(difference(a.weights, b.weights) < 1e-9)
      #expect(difference(a.means.values, b.means.values) < 1e-9)
      for k in 0..<a.components {
        let (x, y) = (a.covariances, b.covariances)
        #expect(
          difference(x.matrix(k, columns: a.columns).values, y.matrix(k, columns: b.columns).values)
            < 1e-9)
      }
      #expect(try place.text("\(one)/config.json") == place.text("\(other)/config.json"))
      // Their lists of files, too.
      let files = try [one, other].map {
        try FileManager.default.contentsOfDirectory(atPath: "\(place.path)/\($0)").sorted()
      }
      #expect(files[0] == files[1])
    }

    @Test func mixtures() throws {
      let table = try GaussianMixture(
        weights: [0.4, 0.6], means: Matrix(rows: 2, columns: 2, values: [0, 0, 4, 3]),
        covariances: .spherical([1, 2])
      ).sample(900, seed: 5).rows
      try NPY.write(table, to: "\(place.path)/table.npy")
      try place.latent("fit", "mixture", "--output", "alone", "--tolerance", "1e-9")
      for ranks in [1, 4] {
        let shared = try place.latent(
          ranks: ranks, "fit", "mixture", "--output", "by\(ranks)", "--json", "--tolerance", "1e-9",
          "--threads", "1")
        // One JSON object, from one rank.
        #expect(try shared.json()["rows"] as? Int == 272)
        try compareMixtures("by\(ranks)", "alone")
      }
      for (name, options) in [
        ("held", ["--held-out", "0.2", "--standardize"]), ("stream", ["--stream"]),
        ("choice", ["--components", "1...3", "--folds", "3"]),
      ] {
        let arguments = ["fit", "mixture", "--data", "table.npy", "--iterations", "20"] + options
        let alone = try Command.run(arguments + ["--output", name, "--json"], in: place)
        let shared = try Ranks.run(
          [(3, arguments + ["--output", "ranks-\(name)", "--json"])], in: place)
        try compareMixtures("ranks-\(name)", name)
        let (a, b) = (try shared.json(), try alone.json())
        for key in ["logLikelihood", "meanLogLikelihood", "heldOutMeanLogLikelihood"] {
          guard let expected = b[key] as? Double else { continue }
          #expect(abs(a[key] as! Double - expected) < 1e-9 * abs(expected))
        }
      }
    }

    @Test func factors() throws {
      for (name, options) in [("factors", []), ("ppca", ["--ppca"])] {
        let arguments = ["fit", "factors", "--json"] + options
        let alone = try Command.run(arguments + ["--output", name], in: place)
        let shared = try Ranks.run([(3, arguments + ["--output", "ranks-\(name)"])], in: place)
        let (a, b) = (try shared.json(), try alone.json())
        let (x, y) = (a["uniquenesses"] as! [Double], b["uniquenesses"] as! [Double])
        #expect(difference(x, y) < 1e-9)
        let (p, q) = (a["logLikelihood"] as! Double, b["logLikelihood"] as! Double)
        #expect(abs(p - q) < 1e-9 * abs(q))
        #expect(a["observations"] as? Int == 150)
      }
    }

    /// Each row's figures have the same bits, in the file's order.
    @Test func scores() throws {
      try place.latent("fit", "mixture", "--output", "mixture")
      try place.latent(
        "fit", "vae", "--output", "vae", "--quiet", "--hidden", "16", "--latent", "2", "--epochs",
        "1")
      // Of a file each rank reads its part alone.
      let digits = try Dataset.named("digits").rows.matrix(of: Float.self)
      try NPY.write(digits, to: "\(place.path)/digits.npy")
      for arguments in [
        ["mixture"], ["mixture", "--data", "faithful", "--rows", "20", "--flag", "0.1"],
        ["mixture", "--estimator", "importance", "--samples", "10"], ["vae"],
        ["vae", "--data", "digits.npy", "--samples", "3"],
        ["vae", "--estimator", "importance", "--samples", "5", "--rows", "31"],
      ] {
        _ = try Command.run(["score"] + arguments + ["--output", "alone.npy"], in: place)
        let shared = try Ranks.run(
          [(3, ["score"] + arguments + ["--output", "shared.npy", "--json"])], in: place)
        _ = try shared.json()
        #expect(try place.read("alone.npy") == place.read("shared.npy"), "\(arguments)")
      }
    }

    @Test func disagreements() throws {
      try place.write("three.csv", "1,2,3\n4,5,6\n7,9,8\n2,2,1\n".utf8)
      try place.write("two.csv", "1,2\n4,5\n7,9\n2,2\n".utf8)
      func fit(_ data: String, _ more: String...) -> [String] {
        ["fit", "mixture", "--components", "1", "--data", data, "--output", "run"] + more
      }
      try place.ranksFail(
        [(2, fit("three.csv")), (1, fit("two.csv"))],
        saying: "Rank 2: columns in the data is 2 where rank 0 has 3;")
      try place.ranksFail(
        [(1, fit("three.csv")), (1, fit("three.csv", "--seed", "4"))],
        saying: "Rank 1: seed is 4 where rank 0 has 0;")
      try place.ranksFail(
        [(1, fit("three.csv")), (1, ["fit", "factors"])],
        saying: "Rank 1: command is fit factors where rank 0 has fit mixture")
      try place.ranksFail(
        [(1, fit("three.csv")), (1, fit("none.csv"))], saying: "none.csv: cannot be opened")
      try place.ranksFail(
        [(3, fit("three.csv", "--tolerance", "-1"))], saying: "The tolerance must be 0 or",
        status: 64)
      // Bad usage is told once, too.
      let usage = try Ranks.run([(3, fit("three.csv", "--components", "none"))], in: place)
      #expect(
        usage.status == 64
          && usage.errors.split(separator: "\n").count { $0.hasPrefix("Error") } == 1)
      // Where it is one rank's alone, by that one.
      let own = try Ranks.run(
        [(1, fit("three.csv")), (1, fit("three.csv", "--components", "none"))], in: place)
      #expect(own.status == 64 && own.errors.contains("'none'"), "\(own.errors)")
    }
  }
#endif

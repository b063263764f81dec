import Foundation
import LatentIO
import LatentKernels
import Testing

extension TableCommandTests {
  @Suite struct ModelCommandTests {
    let place: Workspace

    init() throws {
      place = try Workspace()
      _ = try Command.run(["fit", "vae", "--output", "digits", "--quiet"] + small, in: place)
      _ = try Command.run(
        ["fit", "vae", "--data", "iris", "--output", "iris", "--quiet"] + small, in: place)
    }

    private func load(_ name: String) throws -> Dataset {
      try Dataset.load("\(place.path)/\(name)")
    }

    @Test func scoresOfTheHeldOutRowsAreThoseOfTheFit() throws {
      let score = try place.latent("score", "digits", "--output", "rows.csv", "--json").json()
      let last = try #require(
        try place.text("digits/metrics.csv").split(separator: "\n").last
      ).split(separator: ",", omittingEmptySubsequences: false)
      #expect(score["elbo"] as? Double == Double(last[6]))
      #expect(score["rows"] as? Int == 297)
      let rows = try load("rows.csv")
      #expect(rows.rows.count == 297)
      #expect(rows.columnNames == ["elbo", "reconstruction", "kl"])
      let iris = try place.latent("score", "iris", "--json").json()
      #expect(iris["rows"] as? Int == 15)
      let all = try place.latent("score", "iris/model.safetensors", "--data", "iris", "--json")
      #expect(try all.json()["rows"] as? Int == 150)
      #expect(try place.latent("score", "digits").output.hasPrefix("ELBO "))
    }

    @Test func transformGivesMeansAndVariances() throws {
      try place.latent("transform", "digits", "--data", "digits", "--output", "means.npy")
      let means = try load("means.npy")
      #expect(means.rows.count == 1797 && means.rows.columns == 2)
      let both = try place.latent("transform", "iris", "--variances").output
      let lines = both.split(separator: "\n")
      #expect(lines.count == 16)
      #expect(lines[0] == "mean1,mean2,variance1,variance2")
      let result = try place.latent("transform", "iris", "--output", "z.csv", "--json").json()
      #expect(result["latentDimensions"] as? Int == 2)
      #expect(try load("z.csv").rows.count == 15)
    }

    @Test func samplesArePicturesOrNumbers() throws {
      let path = try place.latent("sample", "digits", "--count", "9").output
      #expect(path == "digits/sample-9-0.png\n")
      #expect(try place.read("digits/sample-9-0.png").starts(with: [0x89] + Array("PNG".utf8)))
      try place.latent("sample", "digits", "--count", "9", "--output", "nine.npy")
      #expect(try load("nine.npy").rows.columns == 64)
      let table = try place.latent("sample", "iris", "--count", "5", "--observations").output
      #expect(table.split(separator: "\n").count == 6)
      #expect(table.hasPrefix("sepal"))
      let again = try place.latent("sample", "iris", "--count", "5", "--observations").output
      let other = try place.latent("sample", "iris", "--count", "5", "--seed", "1").output
      #expect(table == again && table != other)
    }

    @Test func badQuestions() throws {
      try place.latentFails(
        ["score", "digits", "--data", "iris"], saying: "expects 64 columns, iris has 4")
      try place.latentFails(["score", "nowhere"], saying: "no such run")
      try place.latentRefuses(["score", "digits/model.safetensors"], saying: "give --data")
      try place.latentFails(
        ["score", "digits/checkpoint.safetensors", "--data", "digits"], saying: "latent.vae")
      try place.latentFails(["score", "digits/metrics.csv"], saying: "metrics.csv")
      try place.latentRefuses(["sample", "digits", "--count", "0"], saying: "at least 1")
      try place.latentRefuses(["sample", "digits", "--count", "-3"], saying: "at least 1")
      try place.latentRefuses(["sample", "iris", "--output", "a.png"], saying: "not images")
      try place.latentRefuses(["sample", "iris", "--output", "a.xls"], saying: "in .csv or .npy")
      try place.latentRefuses(
        ["sample", "digits", "--output", "a.jpg"], saying: "in .png, .csv or .npy")
      let one = try place.latent("score", "iris", "--rows", "1").output
      #expect(one.contains(", 1 row of iris"))
      try place.latentFails(["transform", "iris", "--output", "no/a.csv"], saying: "no/a.csv")
      let usage = try Command.run(["transform", "iris", "--json"], in: place)
      #expect(usage.status == 64)
    }

    /// A VAE's columns go by name, too, and so do held-out rows in a file of their own.
    @Test func columnsGoByName() throws {
      try place.write("a.csv", "a,b\n0,5\n1,4\n2,7\n3,1\n".utf8)
      try place.write("swapped.csv", "b,a\n5,0\n4,1\n7,2\n1,3\n".utf8)
      try place.write("other.csv", "b,c\n5,0\n4,1\n".utf8)
      let fit = ["fit", "vae", "--data", "a.csv", "--output", "run", "--quiet"]
      try place.latentFails(
        fit + ["--test-data", "other.csv"], saying: #"a.csv expects 2 columns ("a", "b"), "#)
      let outcome = try Command.run(
        fit + ["--test-data", "swapped.csv", "--json"] + small, in: place)
      let heldOut = try outcome.json()["heldOutELBO"] as? Double
      #expect(try place.latent("score", "run", "--json").json()["elbo"] as? Double == heldOut)
      let asked = try place.latent("score", "run", "--data", "swapped.csv", "--json").json()
      #expect(asked["elbo"] as? Double == heldOut)
      try place.latentFails(["score", "run", "--data", "other.csv"], saying: "The model expects")
    }

    @Test func damagedModels() throws {
      let whole = try place.read("digits/model.safetensors")
      func fails(_ old: String, _ new: String, saying fragment: String) throws {
        var bytes = whole
        let range = try #require(whole.firstRange(of: Data(old.utf8)))
        #expect(old.utf8.count == new.utf8.count)
        bytes.replaceSubrange(range, with: Data(new.utf8))
        try place.write("damaged", bytes)
        try place.latentFails(["sample", "damaged", "--output", "a.png"], saying: fragment)
      }
      try fails(#"\"hidden\":[16]"#, #"\"hidden\":[99]"#, saying: "parameters")
      try fails(#"\"imageHeight\":8"#, #"\"imageHeight\":9"#, saying: "9 x 8")
      try fails(#"\"dimensions\":64"#, #"\"dimensions\":-4"#, saying: "found -4")
      try fails(#""version":"1""#, #""version":"2""#, saying: "update Latent")
      try place.write("damaged", whole.dropLast(9))
      try place.latentFails(["sample", "damaged"], saying: "damaged")
    }

    @Test func doctor() throws {
      let report = try place.latent("doctor", "--json").json()
      #expect(report["instructionSet"] is String)
      #expect((report["availableInstructionSets"] as? [String])?.isEmpty == false)
      #expect((report["threads"] as? Int ?? 0) >= 1)
      #expect((report["peakOneThread"] as? Double ?? 0) > 0)
      #expect((report["shippedData"] as? [String: Int])?["digits"] == 1797)
      #expect(report["missing"] is [Any])
      #expect(try place.latent("doctor").output.contains("GFLOP/s"))
    }

    #if OpenBLAS
      /// OpenBLAS may take a CPU that it does not know for one without AVX.
      @Test(.enabled(if: InstructionSet.avx2.isAvailable))
      func doctorSeesOpenBLASMistakeTheCPU() throws {
        func output(_ core: String) throws -> String {
          try place.latent("doctor", environment: ["OPENBLAS_CORETYPE": core]).output
        }
        #expect(try output("Prescott").contains("OPENBLAS_CORETYPE="))
        #expect(try !output("Haswell").contains("OPENBLAS_CORETYPE="))
      }
    #endif
  }
}

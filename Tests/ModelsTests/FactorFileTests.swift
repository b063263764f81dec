import Foundation
import LatentIO
import LatentKernels
import Testing

@testable import LatentModels

@Suite struct FactorFileTests {
  func inTemporaryFile(_ body: (String) throws -> Void) throws {
    let path = NSTemporaryDirectory() + "latent-factors-\(UUID().uuidString).safetensors"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  @Test func modelsComeBackWhole() throws {
    let rows = factorRows(100, columns: 6, factors: 2)
    for correlationScale in [false, true] {
      let model = try FactorAnalysis.fit(
        rows,
        FactorConfiguration(
          factors: 2, correlationScale: correlationScale, rotation: .varimax, seed: .max))
      try inTemporaryFile {
        try model.save(to: $0)
        #expect(try FactorAnalysis.load($0) == model)
        #expect(throws: ModelFileError.self) { [path = $0] in try ProbabilisticPCA.load(path) }
      }
    }
    let components = try ProbabilisticPCA.fit(rows, factors: 2)
    try inTemporaryFile {
      try components.save(to: $0)
      #expect(try ProbabilisticPCA.load($0) == components)
    }
  }

  @Test func damagedFilesAreRefused() throws {
    let model = try FactorAnalysis.fit(
      factorRows(100, columns: 6, factors: 2), FactorConfiguration(factors: 2))
    try inTemporaryFile { path in
      try model.save(to: path)
      let whole = try TensorFile(contentsOf: path)
      func message(_ change: (inout TensorFile) throws -> Void) throws -> String {
        var file = whole
        try change(&file)
        try file.write(to: path)
        do { _ = try FactorAnalysis.load(path) } catch { return "\(error)" }
        return "no error"
      }
      #expect(try message { $0.metadata["version"] = "9" }.contains("version is \"9\""))
      #expect(try message { $0.metadata["configuration"] = "{}" }.contains("damaged"))
      #expect(try message { $0.metadata["report"] = nil }.contains("lack \"report\""))
      #expect(try message { $0.tensors["mean"] = nil }.contains("tensor mean is missing"))
      #expect(
        try message { $0.tensors["mean"] = Tensor([1.0, 2.0]) }.contains("must be float64 of shape")
      )
      #expect(
        try message { $0.tensors["uniquenesses"] = Tensor([1.0, 1, 1, 1, 1, -1]) }
          .contains("must be positive"))
      #expect(
        try message { $0.tensors["mean"] = Tensor([1.0, 1, 1, 1, 1, .nan]) }
          .contains("not finite"))
      #expect(
        try message { $0.tensors["loadings"] = Tensor([1.0, 2.0]) }.contains("lacks a matrix"))
    }
  }

  @Test func loadingsTableReadsAsInR() throws {
    let model = try FactorAnalysis.fit(
      covariance: Ability.covariance, observations: Ability.observations,
      FactorConfiguration(factors: 2, rotation: .varimax))
    let names = ["general", "picture", "blocks", "maze", "reading", "vocab"]
    try #expect(
      model.loadingsTable(names: names) == """
                     factor 1 factor 2   unique
        general         0.501    0.542    0.455
        picture         0.158    0.621    0.589
        blocks          0.208    0.859    0.218
        maze            0.110    0.467    0.769
        reading         0.957    0.179    0.052
        vocab           0.785    0.222    0.334

        SS loadings     1.864    1.718
        proportion      0.311    0.286
        cumulative      0.311    0.597

        """)
    try #expect(
      model.loadingsTable(cutoff: 0.2).contains("x2                       0.621    0.589"))
  }
}

#if OpenBLAS
  import LatentIO
  import LatentModels
  import Testing

  /// Files that claim what they do not hold.
  @Suite struct HostileFileTests {
    /// No values, and 2⁴⁰ matrices of them.
    @Test func countsOfEmptyMatricesAreNotBelieved() throws {
      var file = TensorFile(metadata: [
        "latent.model": "mixture", "latent.version": "1", "latent.covariance": "full",
      ])
      file.tensors["covariances"] = try Tensor(shape: [1 << 40, 0, 0], values: .float64([]))
      file.tensors["means"] = try Tensor(shape: [1, 1], values: .float64([0]))
      file.tensors["weights"] = try Tensor(shape: [1], values: .float64([1]))
      let error = #expect(throws: FileError.self) { try GaussianMixture(file, name: "x") }
      #expect(error?.description.contains("none of them 0") == true)
    }
  }
#endif

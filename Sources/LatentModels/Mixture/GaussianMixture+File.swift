import LatentIO
import LatentKernels

// A mixture in a safetensors file: tensors in double, metadata that says what they are.

extension GaussianMixture {
  static let formatVersion = "1"

  /// Writes the model as a safetensors file, whole or not at all; the same model gives the same bytes.
  ///
  /// - Parameter metadata: more of it, such as column names; keys that begin with "latent." are ours.
  /// - Throws: ``FileError``.
  public func save(to path: String, metadata: [String: String] = [:]) throws {
    try tensorFile(metadata: metadata).write(to: path)
  }

  /// The model as named tensors.
  ///
  /// - Throws: nothing for a model that is whole; ``ShapeError`` else.
  public func tensorFile(metadata: [String: String] = [:]) throws -> TensorFile {
    var file = TensorFile(metadata: metadata)
    file.metadata["latent.model"] = "mixture"
    file.metadata["latent.version"] = Self.formatVersion
    file.metadata["latent.covariance"] = covarianceKind.name
    file.tensors["weights"] = Tensor(weights)
    file.tensors["means"] = Tensor(means)
    func stack(_ matrices: [Matrix<Double>]) throws -> Tensor {
      try Tensor(
        shape: [matrices.count, matrices[0].rows, matrices[0].columns],
        values: .float64(matrices.flatMap(\.values)))
    }
    switch covariances {
    case .full(let all): file.tensors["covariances"] = try stack(all)
    case .tied(let shared): file.tensors["covariances"] = Tensor(shared)
    case .diagonal(let variances): file.tensors["covariances"] = Tensor(variances)
    case .spherical(let variances): file.tensors["covariances"] = Tensor(variances)
    case .factorAnalytic(let all):
      file.tensors["loadings"] = try stack(all.map(\.loadings))
      file.tensors["uniquenesses"] = try Tensor(
        shape: [all.count, columns], values: .float64(all.flatMap(\.uniquenesses)))
    }
    return file
  }

  /// Reads a model that ``save(to:metadata:)`` wrote.
  ///
  /// - Throws: ``FileError`` for a file that is not such a model, whatever is wrong with it.
  public static func load(_ path: String) throws -> GaussianMixture {
    try GaussianMixture(TensorFile(contentsOf: path), name: path)
  }

  /// - Parameter name: what errors call the file.
  /// - Throws: ``FileError`` for tensors that are no such model, whatever is wrong with them.
  public init(_ file: TensorFile, name: String) throws {
    guard file.metadata["latent.model"] == "mixture" else {
      throw FileError(
        name,
        "expected a mixture, found "
          + "\(file.metadata["latent.model"].map { excerpt($0) } ?? "no model that Latent wrote")."
      )
    }
    guard file.metadata["latent.version"] == Self.formatVersion else {
      throw FileError(
        name,
        "expected format version \(Self.formatVersion), found "
          + "\(file.metadata["latent.version"].map { excerpt($0) } ?? "none").")
    }
    func tensor(_ key: String, _ dimensions: Int) throws -> ([Double], [Int]) {
      guard let tensor = file.tensors[key], case .float64(let values) = tensor.values,
        tensor.shape.count == dimensions, tensor.shape.allSatisfy({ $0 > 0 })
      else {
        throw FileError(
          name,
          "expected a tensor \"\(key)\" of doubles in \(dimensions) dimensions, none of them 0.")
      }
      return (values, tensor.shape)
    }
    func matrix(_ key: String) throws -> Matrix<Double> {
      let (values, shape) = try tensor(key, 2)
      return try Matrix(rows: shape[0], columns: shape[1], values: values)
    }
    func stack(_ key: String) throws -> [Matrix<Double>] {
      let (values, shape) = try tensor(key, 3)
      let size = shape[1] * shape[2]
      return try (0..<shape[0]).map {
        try Matrix(
          rows: shape[1], columns: shape[2], values: Array(values[$0 * size..<($0 + 1) * size]))
      }
    }
    let covariances: MixtureCovariances
    switch file.metadata["latent.covariance"] {
    case "full": covariances = .full(try stack("covariances"))
    case "tied": covariances = .tied(try matrix("covariances"))
    case "diagonal": covariances = .diagonal(try matrix("covariances"))
    case "spherical": covariances = .spherical(try tensor("covariances", 1).0)
    case "factorAnalytic":
      let loadings = try stack("loadings")
      let uniquenesses = try matrix("uniquenesses")
      guard uniquenesses.rows == loadings.count else {
        throw FileError(name, "loadings and uniquenesses do not fit together.")
      }
      covariances = .factorAnalytic(
        loadings.enumerated().map {
          FactorCovariance(loadings: $1, uniquenesses: Array(uniquenesses.row($0)))
        })
    case let other:
      throw FileError(
        name,
        "expected full, tied, diagonal, spherical or factorAnalytic covariances, found "
          + "\(other.map { excerpt($0) } ?? "none").")
    }
    do {
      try self.init(
        unchangedWeights: tensor("weights", 1).0, means: matrix("means"), covariances: covariances)
    } catch let error as FileError {
      throw error
    } catch let error as any LatentError {
      throw FileError(name, error.description)
    }
  }

  /// Weights as they are in the file, so that a model read is the model written.
  private init(
    unchangedWeights weights: [Double], means: Matrix<Double>, covariances: MixtureCovariances
  ) throws {
    try self.init(weights: weights, means: means, covariances: covariances)
    self.weights = weights
  }
}

extension CovarianceKind {
  /// "full", "tied", "diagonal", "spherical", "factorAnalytic".
  public var name: String {
    switch self {
    case .full: "full"
    case .tied: "tied"
    case .diagonal: "diagonal"
    case .spherical: "spherical"
    case .factorAnalytic: "factorAnalytic"
    }
  }
}

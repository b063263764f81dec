import LatentIO
import LatentKernels

extension FileKind {
  static let factorAnalysis = FileKind(name: "latent.factors")
  static let probabilisticPCA = FileKind(name: "latent.ppca")
}

extension FactorAnalysis {
  /// Writes parameters, configuration and report: the same model, the same bytes.
  ///
  /// - Throws: ``FileError``.
  public func save(to path: String) throws {
    var file = TensorFile(metadata: FileKind.factorAnalysis.metadata)
    try file.encode(configuration, as: "configuration")
    try file.encode(report, as: "report")
    file.tensors["mean"] = Tensor(mean)
    file.tensors["loadings"] = Tensor(loadings)
    file.tensors["uniquenesses"] = Tensor(uniquenesses)
    if let scale { file.tensors["scale"] = Tensor(scale) }
    try file.write(to: path)
  }

  /// - Throws: ``ModelFileError`` when the file is not a factor analysis of ours, damaged, or newer.
  public static func load(_ path: String) throws -> FactorAnalysis {
    try load(TensorFile(contentsOf: path), path: path)
  }

  static func load(_ file: TensorFile, path: String) throws -> FactorAnalysis {
    try FileKind.factorAnalysis.check(file, path: path)
    let (mean, loadings) = try file.meanAndLoadings(path: path)
    let configuration = try file.decode(
      FactorConfiguration.self, from: "configuration", path: path)
    guard loadings.columns == configuration.factors else {
      throw ModelFileError(
        path,
        "its loadings have \(loadings.columns) columns, its configuration \(configuration.factors) "
          + "factors; the file is damaged.")
    }
    let report = try file.decode(FactorReport.self, from: "report", path: path)
    for column in report.heywoodColumns + report.constantColumns
    where !mean.indices.contains(column) {
      throw ModelFileError(
        path, "its report names column \(column) of \(mean.count); the file is damaged.")
    }
    return FactorAnalysis(
      mean: mean, loadings: loadings,
      uniquenesses: try file.positives("uniquenesses", count: mean.count, path: path),
      scale: configuration.correlationScale
        ? try file.positives("scale", count: mean.count, path: path) : nil,
      configuration: configuration, report: report)
  }
}

extension ProbabilisticPCA {
  /// Writes the parameters: the same model, the same bytes.
  ///
  /// - Throws: ``FileError``.
  public func save(to path: String) throws {
    var file = TensorFile(metadata: FileKind.probabilisticPCA.metadata)
    try file.encode(observations, as: "observations")
    file.tensors["mean"] = Tensor(mean)
    file.tensors["loadings"] = Tensor(loadings)
    file.tensors["noiseVariance"] = Tensor([noiseVariance])
    file.tensors["logLikelihood"] = Tensor([logLikelihood])
    try file.write(to: path)
  }

  /// - Throws: ``ModelFileError`` when the file is not a probabilistic PCA of ours, damaged, or newer.
  public static func load(_ path: String) throws -> ProbabilisticPCA {
    try load(TensorFile(contentsOf: path), path: path)
  }

  static func load(_ file: TensorFile, path: String) throws -> ProbabilisticPCA {
    try FileKind.probabilisticPCA.check(file, path: path)
    let (mean, loadings) = try file.meanAndLoadings(path: path)
    return ProbabilisticPCA(
      mean: mean, loadings: loadings,
      noiseVariance: try file.positives("noiseVariance", count: 1, path: path)[0],
      observations: try file.decode(Int.self, from: "observations", path: path),
      logLikelihood: try file.doubles("logLikelihood", shape: [1], path: path)[0])
  }
}

extension TensorFile {
  /// A float64 tensor of exactly the expected shape, all of it finite.
  func doubles(_ name: String, shape: [Int], path: String) throws -> [Double] {
    guard let tensor = tensors[name] else {
      throw ModelFileError(path, "tensor \(name) is missing.")
    }
    guard case .float64(let values) = tensor.values, tensor.shape == shape else {
      throw ModelFileError(
        path, "tensor \(name) must be float64 of shape \(shape), found shape \(tensor.shape).")
    }
    guard values.allSatisfy(\.isFinite) else {
      throw ModelFileError(path, "tensor \(name) has a value that is not finite.")
    }
    return values
  }

  fileprivate func positives(_ name: String, count: Int, path: String) throws -> [Double] {
    let values = try doubles(name, shape: [count], path: path)
    guard values.allSatisfy({ $0 > 0 }) else {
      throw ModelFileError(path, "tensor \(name) must be positive, found \(values.min() ?? 0).")
    }
    return values
  }

  fileprivate func meanAndLoadings(path: String) throws -> ([Double], Matrix<Double>) {
    guard let shape = tensors["loadings"]?.shape, shape.count == 2, shape[0] >= 1, shape[1] >= 1
    else { throw ModelFileError(path, "it lacks a matrix of loadings.") }
    guard shape[1] <= shape[0] else {
      throw ModelFileError(
        path, "its loadings have \(shape[1]) factors for \(shape[0]) columns; the file is damaged.")
    }
    return (
      try doubles("mean", shape: [shape[0]], path: path),
      try Matrix(
        rows: shape[0], columns: shape[1],
        values: doubles("loadings", shape: shape, path: path))
    )
  }
}

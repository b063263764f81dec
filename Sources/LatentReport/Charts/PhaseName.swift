import Foundation
import LatentKernels
import LatentModels

/// Phases' names where there is little room.
public enum PhaseName {
  private static let abbreviations = [
    ("encoder.layers.", "enc."), ("decoder.layers.", "dec."),
    ("encoder.mean|rawLogVariance", "enc.heads"), ("decoder.mean|rawLogVariance", "dec.heads"),
    ("decoder.", "dec."), ("encoder.", "enc."), (" forward and likelihood", " + log p"),
    (" input gradient", " dX"), (" weight gradient and Adam", " dW+Adam"),
    (" weight gradient", " dW"), ("reparameterization and KL", "z and KL"),
    ("reparameterization gradient", "d z"), ("log-likelihood of rows", "log p of rows"),
    ("variance gradient and Adam", "variance, Adam"),
  ]

  /// "decoder.logit weight gradient and Adam" as "dec.logit dW+Adam".
  public static func short(_ name: String, to length: Int = 17) -> String {
    var name = name
    for (long, short) in abbreviations { name = name.replacingOccurrences(of: long, with: short) }
    return name.count <= length ? name : name.prefix(length - 1) + "."
  }
}

extension Epilogue {
  /// As tables have it.
  public var title: String {
    switch self {
    case .activation: "activation"
    case .likelihood: "log p and gradient"
    case .activationDerivative: "derivative"
    case .adam: "Adam"
    }
  }
}

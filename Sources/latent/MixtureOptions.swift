#if OpenBLAS
  import ArgumentParser
  import Foundation
  import LatentKernels
  import LatentModels

  extension MixturePrecision: ExpressibleByArgument {
    public static var allValueStrings: [String] { ["double", "float"] }
  }

  enum CovarianceName: String, CaseIterable, ExpressibleByArgument {
    case full, tied, diagonal, spherical
    case factorAnalytic = "factor-analytic"

    func kind(factors: Int) -> CovarianceKind {
      switch self {
      case .full: .full
      case .tied: .tied
      case .diagonal: .diagonal
      case .spherical: .spherical
      case .factorAnalytic: .factorAnalytic(factors: factors)
      }
    }
  }

  /// "3", or a range to choose from: "1...12".
  struct ComponentRange: ExpressibleByArgument {
    var range: ClosedRange<Int>

    init(_ count: Int) { range = count...count }

    var defaultValueDescription: String { String(range.lowerBound) }

    init?(argument: String) {
      let ends = argument.replacing("...", with: "-").split(separator: "-").compactMap { Int($0) }
      guard let first = ends.first, let last = ends.last, ends.count <= 2, first <= last,
        argument.first?.isNumber == true, argument.last?.isNumber == true
      else { return nil }
      range = first...last
    }
  }

  struct MixtureOptions: ParsableArguments {
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp(
        "How many, or a range to choose from by BIC: 1...12.", valueName: "count"))
    var components = ComponentRange(2)

    @Option(help: "The shape of the components' covariances.")
    var covariance = CovarianceName.full

    @Option(
      parsing: .unconditional,
      help:
        "Factors of each component's covariance, with --covariance factor-analytic. (default: 1)")
    var factors: Int?

    @Option(help: "The column that says how much each row counts; it is not data.")
    var weights: String?

    @Option(
      parsing: .unconditional,
      help: """
        How often to start afresh; the best is kept. Every second start measures in the data's own units, \
        the others by columns' deviations (spherical: all in units; --standardize: all by deviations).
        """)
    var restarts = 2

    @Option(
      parsing: .unconditional,
      help: "Ends EM when the mean log-likelihood rises by less, in nats a row.")
    var tolerance = 1e-6

    @Option(parsing: .unconditional, help: "The most iterations of EM.")
    var iterations = 500

    @Option(
      parsing: .unconditional,
      help: "The least variance of a component in any direction, as a part of the data's.")
    var covarianceFloor = 1e-6

    @Option(help: "What the passes over the rows compute in.")
    var precision = MixturePrecision.double

    @Option(
      parsing: .unconditional,
      help:
        "With a range: parts held out in turn for the held-out likelihood; 0: none. (default: 5)")
    var folds: Int?

    @Flag(
      help: "Fit to columns of mean 0 and variance 1; the model is in the data's units.")
    var standardize = false

    /// - Throws: ``SettingError`` for options that contradict each other.
    func check() throws {
      guard factors == nil || covariance == .factorAnalytic else {
        throw SettingError(
          "--factors goes with --covariance factor-analytic, found \(covariance.rawValue).")
      }
      guard folds == nil || components.range.count > 1 else {
        throw SettingError(
          "--folds are for choosing among numbers of components; give a range, as --components 1...5."
        )
      }
    }

    func configuration(seed: UInt64) -> MixtureConfiguration {
      MixtureConfiguration(
        components: components.range.lowerBound, covariance: covariance.kind(factors: factors ?? 1),
        covarianceFloor: covarianceFloor, tolerance: tolerance, maximumIterations: iterations,
        restarts: restarts, seed: seed, precision: precision)
    }
  }

  /// The part of config.json about the model.
  struct MixtureSettings: Codable {
    var components: ClosedRange<Int>
    var covariance: String
    var factors: Int?
    var restarts: Int
    var tolerance: Double
    var iterations: Int
    var covarianceFloor: Double
    var precision: String
    var folds: Int?
    var standardize: Bool

    init(_ options: MixtureOptions) {
      components = options.components.range
      covariance = options.covariance.rawValue
      factors = options.covariance == .factorAnalytic ? options.factors ?? 1 : nil
      (restarts, tolerance, iterations) = (options.restarts, options.tolerance, options.iterations)
      (covarianceFloor, precision) = (options.covarianceFloor, options.precision.rawValue)
      (folds, standardize) = (options.folds, options.standardize)
    }
  }
#endif

import Foundation
import LatentKernels
import Testing

/// The numbers of one pass, owned.
struct PassCase {
  var density = LATENT_DENSITY_FULL
  var squares = LATENT_SQUARES_FULL
  var single = false
  var hard = false
  var rows = 0
  var columns = 0
  var components = 0
  var values: [Double] = []
  var shift: [Double] = []
  var centers: [Double] = []
  var whiteners: [Double] = []
  var constants: [Double] = []
  var weights: [Double]?

  struct Result: Equatable {
    var logDensity: [Double]
    var responsibilities: [Double]
    var labels: [Int32]
    var statistics: [Double]
  }

  init(
    rows: Int, columns: Int, components: Int, density: latent_density, squares: latent_squares,
    single: Bool = false, hard: Bool = false, weighted: Bool = false
  ) {
    (self.rows, self.columns, self.components) = (rows, columns, components)
    (self.density, self.squares, self.single, self.hard) = (density, squares, single, hard)
    let random = CounterRandom(seed: 11, purpose: LATENT_PURPOSE_OBSERVATION)
    var next = 0
    func uniform() -> Double {
      next += 1
      return random.uniform(next) * 2 - 1
    }
    shift = (0..<columns).map { _ in Double(Float(3 * uniform())) }
    values = (0..<rows * columns).map { Double(Float(shift[$0 % columns] + 3 * uniform())) }
    centers = (0..<components * columns).map { _ in Double(Float(2 * uniform())) }
    let triangles =
      density == LATENT_DENSITY_FULL ? components : density == LATENT_DENSITY_TIED ? 1 : 0
    whiteners =
      triangles == 0
      ? (0..<components * columns).map { _ in 1 + 0.5 * uniform() }
      : (0..<triangles * columns * columns).map {
        let (j, i) = ($0 / columns % columns, $0 % columns)
        return i > j ? 0 : i == j ? 1 + 0.5 * uniform() : 0.4 * uniform()
      }
    constants = (0..<components).map { _ in uniform() - 3 }
    weights = weighted ? (0..<rows).map { Double($0 % 4) / 2 } : nil
  }

  func run(_ execute: (MixturePass) -> Void) -> Result {
    let floats = values.map { Float($0) }
    var pass = MixturePass()
    (pass.density, pass.squares, pass.single, pass.hard) = (density, squares, single, hard)
    (pass.columns, pass.components) = (UInt32(columns), UInt32(components))
    (pass.rows, pass.stride) = (rows, columns)
    var result = Result(
      logDensity: [Double](repeating: 0, count: rows),
      responsibilities: [Double](repeating: 0, count: rows * components),
      labels: [Int32](repeating: -1, count: rows),
      statistics: [Double](repeating: 0, count: pass.layout.total))
    floats.withUnsafeBytes { floats in
      values.withUnsafeBytes { doubles in
        shift.withUnsafeBufferPointer { shift in
          centers.withUnsafeBufferPointer { centers in
            whiteners.withUnsafeBufferPointer { whiteners in
              constants.withUnsafeBufferPointer { constants in
                (weights ?? []).withUnsafeBufferPointer { weights in
                  pass.x = single ? floats.baseAddress : doubles.baseAddress
                  pass.shift = shift.baseAddress
                  pass.centers = centers.baseAddress
                  pass.whiteners = whiteners.baseAddress
                  pass.constants = constants.baseAddress
                  pass.weights = self.weights == nil ? nil : weights.baseAddress
                  result.logDensity.withUnsafeMutableBufferPointer { logDensity in
                    result.responsibilities.withUnsafeMutableBufferPointer { responsibilities in
                      result.labels.withUnsafeMutableBufferPointer { labels in
                        result.statistics.withUnsafeMutableBufferPointer { statistics in
                          pass.log_density = logDensity.baseAddress
                          pass.responsibilities = responsibilities.baseAddress
                          pass.labels = labels.baseAddress
                          pass.statistics = statistics.baseAddress
                          execute(pass)
                        }
                      }
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
    // The lower triangle is nobody's.
    if squares == LATENT_SQUARES_FULL {
      let layout = pass.layout
      for k in 0..<components {
        for i in 0..<layout.padded {
          for j in 0..<i {
            result.statistics[layout.squares + (k * layout.padded + i) * layout.padded + j] = 0
          }
        }
      }
    }
    return result
  }
}

@Suite struct MixtureKernelTests {
  static let kinds: [(latent_density, latent_squares)] = [
    (LATENT_DENSITY_FULL, LATENT_SQUARES_FULL), (LATENT_DENSITY_TIED, LATENT_SQUARES_NONE),
    (LATENT_DENSITY_DIAGONAL, LATENT_SQUARES_DIAGONAL),
    (LATENT_DENSITY_DIAGONAL, LATENT_SQUARES_FULL),
  ]

  /// Odd sizes against plain loops, on every instruction set and for several numbers of threads.
  @Test(arguments: 0..<4, [(1, 1, 1), (7, 3, 2), (193, 8, 5), (1700, 17, 3), (400, 40, 9)])
  func matchesReferenceEverywhere(kind: Int, size: (Int, Int, Int)) throws {
    let (density, squares) = Self.kinds[kind]
    for (single, hard, weighted) in [
      (false, false, false), (false, true, true), (true, false, true),
    ] {
      let pass = PassCase(
        rows: size.0, columns: size.1, components: size.2, density: density, squares: squares,
        single: single, hard: hard, weighted: weighted)
      let expected = pass.run { ReferenceMixture.run($0) }
      var first: PassCase.Result?
      for set in InstructionSet.available {
        for threads in set == .best ? [1, 2, 3] : [2] {
          let backend = try FusedBackend(threads: threads, instructionSet: set)
          let found = pass.run { backend.run($0, workspace: MixtureWorkspace()) }
          let tolerance = single ? 2e-4 : 1e-11
          #expect(closeEnough(found.logDensity, expected.logDensity, tolerance))
          #expect(closeEnough(found.statistics, expected.statistics, tolerance))
          if !hard || !single {
            #expect(closeEnough(found.responsibilities, expected.responsibilities, tolerance))
            #expect(found.labels == expected.labels)
          }
          guard set.keepsBits else { continue }
          if let first { #expect(found == first, "\(set) with \(threads) threads") }
          first = found
        }
      }
    }
  }

  /// Waves joined in one pass and in several passes are the same bits.
  @Test func streamsInWaves() throws {
    let wave = latent_mixture_wave_rows()
    let whole = PassCase(
      rows: wave + 1000, columns: 2, components: 3, density: LATENT_DENSITY_DIAGONAL,
      squares: LATENT_SQUARES_DIAGONAL)
    let backend = try FusedBackend(threads: 2)
    let workspace = MixtureWorkspace()
    let once = whole.run { backend.run($0, workspace: workspace) }
    let twice = whole.run { pass in
      var part = pass
      part.rows = wave
      backend.run(part, workspace: workspace)
      part.rows = 1000
      part.x = pass.x + wave * 2 * MemoryLayout<Double>.size
      part.log_density = pass.log_density + wave
      part.responsibilities = pass.responsibilities + wave * 3
      part.labels = pass.labels + wave
      backend.run(part, workspace: workspace)
    }
    #expect(once == twice)
  }

  private func closeEnough(_ found: [Double], _ expected: [Double], _ tolerance: Double) -> Bool {
    let scale = expected.reduce(1) { max($0, abs($1)) }
    return found.count == expected.count
      && zip(found, expected).allSatisfy { abs($0 - $1) <= tolerance * scale }
  }
}

import LatentKernels
import Testing

/// Every operation of a plan on made-up shapes, strides, values and threads: all backends agree with
/// the reference in double precision and write nothing else, and those of the bit contract give the
/// same bits. A failure is told by the smallest case that shows it.
///
/// By hand, a thousand of each in some minutes:
/// `LATENT_PROPERTIES=1000 swift test -c release --filter Propert`
@Suite struct PropertyTests {
  @Test(arguments: OperationKind.allCases)
  func operationsAgree(_ kind: OperationKind) {
    Property.check(count: 5) {
      RandomCase(kind, &$0)
    } message: {
      $0.disagreement()
    }
  }

  // MARK: The shrinker

  /// Right but for one corner: the last value of forward products of at least 3 rows and 17 columns.
  struct WrongBackend: Backend {
    let name = "wrong"
    func execute(_ operations: [PlanOperation], on buffers: [Buffer], run: Run) {
      ReferenceBackend().execute(operations, on: buffers, run: run)
      for operation in operations where operation.kind == LATENT_OP_LINEAR_FORWARD {
        let rows = Int(run.rows) * max(1, Int(operation.samples))
        guard rows >= 3, operation.columns >= 17 else { continue }
        let output = operation.output
        let last = Int(output.offset) + (rows - 1) * Int(output.stride) + Int(operation.columns) - 1
        buffers[Int(output.buffer)].data.assumingMemoryBound(to: Float.self)[last] += 1
      }
    }
  }

  @Test func findsAndShrinksAMistake() throws {
    for seed: UInt64 in [1, 2] {
      let failure = try #require(
        Property.firstFailure(count: 200, from: seed) {
          RandomCase(.linearForward, &$0)
        } message: {
          $0.disagreement(of: [("wrong", WrongBackend())])
        })
      let (example, shape) = (failure.example.example, failure.example.example.shape)
      #expect(shape.rows * example.samples == 3 && shape.inner == 1 && shape.columns == 17)
      #expect(example.activation == LATENT_ACTIVATION_IDENTITY && shape.stride == .exact)
      #expect(example.layout == LATENT_LAYOUT_PANELS && !shape.splitColumns)
      #expect(failure.example.threads == 1)
      #expect("\(failure)".contains("LATENT_PROPERTY_SEED=\(failure.seed) LATENT_PROPERTIES=1"))
      // The seed that it tells makes the case again.
      let again = Property.firstFailure(count: 1, from: failure.seed) {
        RandomCase(.linearForward, &$0)
      } message: {
        $0.disagreement(of: [("wrong", WrongBackend())])
      }
      #expect(again.map { "\($0.found)" } == "\(failure.found)")
    }
  }

  /// A backend that writes one float too many, after the last row.
  struct StrayBackend: Backend {
    let name = "stray"
    func execute(_ operations: [PlanOperation], on buffers: [Buffer], run: Run) {
      ReferenceBackend().execute(operations, on: buffers, run: run)
      for operation in operations where operation.kind == LATENT_OP_WEIGH_ROWS {
        let gradient = operation.gradient
        let columns = gradient.stride % 16 == 0 ? gradient.stride : operation.columns
        let rows = Int(run.rows) * max(1, Int(operation.samples))
        let end = Int(gradient.offset) + (rows - 1) * Int(gradient.stride) + Int(columns)
        buffers[Int(gradient.buffer)].data.assumingMemoryBound(to: Float.self)[end] = 1
      }
    }
  }

  @Test func findsWhatIsWrittenElsewhere() throws {
    let failure = try #require(
      Property.firstFailure(count: 20) {
        RandomCase(.weighRows, &$0)
      } message: {
        $0.disagreement(of: [("stray", StrayBackend())])
      })
    #expect(failure.message.contains("where it must not"))
    #expect(failure.example.example.shape.rows == 1 && failure.example.example.shape.columns == 1)
  }
}

extension RandomCase {
  /// Every backend, on as many threads as the case has.
  private static let fused: [[(set: InstructionSet, backend: FusedBackend)]] = (1...5).map {
    threads in
    InstructionSet.available.map {
      ($0, try! FusedBackend(threads: threads, instructionSet: $0))
    }
  }

  /// What the case shows of the backends, all of them by default; nil if they are right.
  func disagreement(of others: [(label: String, backend: any Backend)]? = nil) -> String? {
    let operands = CaseOperands(example, seed: seed)
    var run = operands.run
    run.seed = seed &* 3
    run.epoch = UInt32(seed % 1000)
    run.sample = UInt32(seed % 77)
    run.beta = Float(seed % 16) / 8
    func execute<Scalar: BinaryFloatingPoint>(
      _: Scalar.Type, _ execute: ([PlanOperation], [Buffer], Run) -> Void
    ) -> Workbench<Scalar>.Result {
      Workbench<Scalar>.run(
        operands.operations, tensors: operands.tensors, run: run, execute: execute)
    }
    let expected = execute(Double.self, ReferenceInterpreter<Double>().execute)
    if expected.stray != [] { return "the reference wrote \(expected.stray) where it must not" }
    var bits: (label: String, values: [WritableKeyPath<PlanOperation, Operand>: [Double]])?

    func check(_ label: String, _ backend: any Backend, keepsBits: Bool = false) -> String? {
      let found = execute(Float.self, backend.execute)
      if found.stray != [] { return "\(label) wrote \(found.stray) where it must not" }
      for tensor in operands.tensors where tensor.role != .input {
        let (found, expected) = (found.values[tensor.path]!, expected.values[tensor.path]!)
        let error = cancelledError(found, expected)
        if !(error <= 1e-5) { return "\(label), \(tensor.name): error \(error)" }
      }
      guard keepsBits else { return nil }
      if let bits {
        for tensor in operands.tensors where tensor.role != .input {
          let (one, other) = (bits.values[tensor.path]!, found.values[tensor.path]!)
          if zip(one, other).contains(where: { $0.bitPattern != $1.bitPattern }) {
            return "\(label), \(tensor.name): other bits than \(bits.label)"
          }
        }
      } else {
        bits = (label, found.values)
      }
      return nil
    }

    if let others {
      return others.lazy.compactMap { check($0.label, $0.backend) }.first
    }
    var plain: [(String, any Backend)] = [
      ("reference", ReferenceBackend()), ("simd", try! SIMDBackend(threads: threads)),
    ]
    #if OpenBLAS
      plain.append(("openblas", try! OpenBLASBackend(threads: threads)))
    #endif
    if let message = plain.lazy.compactMap({ check("\($0.0), \(threads) threads", $0.1) }).first {
      return message
    }
    // Another number of threads for every set, so that bits are compared over both.
    for (index, set) in InstructionSet.available.enumerated() {
      let count = (threads + index) % Self.fused.count
      let (_, backend) = Self.fused[count][index]
      if let message = check(
        "fused \(set), \(count + 1) threads", backend, keepsBits: set.keepsBits)
      {
        return message
      }
    }
    return nil
  }
}

/// The error of values of order one in the Euclidean norm; where sums cancel, floats know them to
/// some 2e-7.
func cancelledError(_ a: [Double], _ b: [Double]) -> Double {
  let difference = zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
  let norm = b.reduce(0) { $0 + $1 * $1 }.squareRoot()
  let known = norm + 0.02 * Double(b.count).squareRoot()
  return difference == 0 ? 0 : difference.squareRoot() / known
}

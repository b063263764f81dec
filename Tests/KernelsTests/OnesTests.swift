import LatentKernels
import Testing

/// The first layer on batches of zeros and ones: sums of gathered rows, with the bits of the dense
/// products.
@Suite struct OnesTests {
  /// A layer on a batch x: forward, and the gradient of its weights.
  struct Layer {
    let rows, inner, columns: Int
    let x, weights, bias, output, dY, gradient, biasGradient: Storage<Float>
    var plan = Plan()

    /// - Parameter density: the share of ones; other values than 0 and 1 come in where it is nil.
    init(rows: Int, inner: Int, columns: Int, density: Float?, ones: Bool, seed: UInt64) {
      var random = SplitMix(state: seed)
      (self.rows, self.inner, self.columns) = (rows, inner, columns)
      let panels = Panels.count(columns) * 16
      func filled(_ count: Int, _ value: (inout SplitMix) -> Float) -> Storage<Float> {
        let storage = Storage<Float>(count: count)
        for index in 0..<count { storage.pointer[index] = value(&random) }
        return storage
      }
      func centered(_ random: inout SplitMix) -> Float { Float(random.float(in: -1...1)) }
      x = filled(rows * inner) { random in
        let value = Float(random.float(in: 0...1))
        guard let density else { return value }
        return value < density ? 1 : 0
      }
      weights = filled(inner * panels, centered)
      bias = filled(panels, centered)
      bias.pointer[0] = -0.0
      dY = filled(rows * columns, centered)
      output = Storage(count: rows * columns)
      gradient = Storage(count: inner * panels)
      biasGradient = Storage(count: panels)

      var list = PlanOperation()
      list.kind = LATENT_OP_LIST_ONES
      list.columns = UInt32(inner)
      list.input = Operand(buffer: plan.addBuffer(x), stride: UInt32(inner), offset: 0)
      var product = PlanOperation()
      product.inner = UInt32(inner)
      product.columns = UInt32(columns)
      product.ones = ones
      product.barrier = true
      product.split_columns = true
      product.input = list.input
      product.weights = Operand(buffer: plan.addBuffer(weights), stride: 0, offset: 0)
      product.bias = Operand(buffer: plan.addBuffer(bias), stride: 0, offset: 0)
      product.output = Operand(buffer: plan.addBuffer(output), stride: UInt32(columns), offset: 0)
      product.gradient = Operand(buffer: plan.addBuffer(dY), stride: UInt32(columns), offset: 0)
      product.weights_gradient = Operand(buffer: plan.addBuffer(gradient), stride: 0, offset: 0)
      product.bias_gradient = Operand(buffer: plan.addBuffer(biasGradient), stride: 0, offset: 0)
      if ones { plan.append(list) }
      product.kind = LATENT_OP_LINEAR_FORWARD
      plan.append(product)
      list.split_columns = true
      if ones { plan.append(list) }
      product.kind = LATENT_OP_LINEAR_BACKWARD_WEIGHTS
      plan.append(product)
    }

    /// The bits of output and gradients.
    func run(on backend: any Backend) throws -> [UInt32] {
      try plan.check(rows: rows)
      var run = Run()
      run.rows = UInt32(rows)
      plan.execute(on: backend, run: run)
      return [output, gradient, biasGradient].flatMap { $0.values.map(\.bitPattern) }
    }
  }

  @Test(arguments: InstructionSet.available.filter { $0 != .scalar })
  func keepsTheBitsOfTheDenseProducts(_ set: InstructionSet) throws {
    var random = SplitMix(state: 77)
    for index in 0..<40 {
      let densities: [Float?] = [0, 0.05, 0.15, 0.38, 0.5, 1, nil]
      let (rows, inner) = (Int(random.next() % 300) + 1, Int(random.next() % 600) + 1)
      let (columns, density) = (Int(random.next() % 130) + 1, densities[index % densities.count])
      let seed = random.next()
      let backend = try FusedBackend(threads: index % 3 + 1, instructionSet: set)
      let bits = try [false, true].map { ones in
        try Layer(
          rows: rows, inner: inner, columns: columns, density: density, ones: ones, seed: seed
        ).run(on: backend)
      }
      #expect(
        bits[0] == bits[1], "\(rows) x \(inner) x \(columns), density \(density ?? -1)")
    }
  }

  /// Lists are read without a look at what they hold, so a plan has to make them first.
  @Test func refusesPlansWithoutLists() throws {
    let layer = Layer(rows: 8, inner: 20, columns: 20, density: 0.1, ones: true, seed: 1)
    try layer.plan.check(rows: 8)
    func altered(_ change: (inout [PlanOperation]) -> Void) -> Plan {
      var operations = layer.plan.operations
      change(&operations)
      var plan = layer.plan.selecting(0..<0)
      plan.append(contentsOf: operations)
      return plan
    }
    let plans = [
      altered { $0.remove(at: 0) }, altered { $0.remove(at: 2) }, altered { $0[1].barrier = false },
      altered { $0[3].barrier = false }, altered { $0.swapAt(0, 1) },
      altered { $0[0].input.offset = 1 }, altered { $0[0].columns = 19 },
      altered { $0[1].samples = 2 }, altered { $0.insert($0[0], at: 0) },
    ]
    for (index, plan) in plans.enumerated() {
      #expect(throws: ShapeError.self, "plan \(index)") { try plan.check(rows: 4) }
    }
  }
}

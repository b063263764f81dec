import LatentKernels
import Testing

/// Weights in plain rows give the bits of packed ones: packing moves numbers, and nothing else.
@Suite struct LayoutTests {
  @Test(arguments: InstructionSet.available)
  func keepsTheBitsOfPackedWeights(_ set: InstructionSet) throws {
    var random = SplitMix(state: 99)
    for index in 0..<30 {
      let rows = Int(random.next() % 30) + 1
      let inner = Int(random.next() % 100) + 1
      let columns = Int(random.next() % 100) + 1
      func filled(_ count: Int) -> Storage<Float> {
        let storage = Storage<Float>(count: count)
        for place in 0..<count { storage.pointer[place] = Float(random.float(in: -1...1)) }
        return storage
      }
      let (x, bias) = (filled(rows * inner), filled(Panels.count(columns) * 16))
      let plain = filled(inner * columns)
      let transposed = Storage<Float>(count: inner * columns)
      let panels = Storage<Float>(count: inner * Panels.count(columns) * 16)
      for k in 0..<inner {
        for n in 0..<columns {
          transposed.pointer[n * inner + k] = plain.pointer[k * columns + n]
          panels.pointer[Panels.index(k, n, rows: inner)] = plain.pointer[k * columns + n]
        }
      }
      let backend = try FusedBackend(threads: index % 3 + 1, instructionSet: set)
      let layouts = [
        (LATENT_LAYOUT_PANELS, panels, 0), (LATENT_LAYOUT_INNER_BY_COLUMNS, plain, columns),
        (LATENT_LAYOUT_COLUMNS_BY_INNER, transposed, inner),
      ]
      let bits = try layouts.map { layout, weights, stride in
        var plan = Plan()
        let output = Storage<Float>(count: rows * columns)
        var product = PlanOperation()
        product.kind = LATENT_OP_LINEAR_FORWARD
        product.activation = LATENT_ACTIVATION_TANH
        product.layout = layout
        product.split_columns = index % 2 == 0
        product.inner = UInt32(inner)
        product.columns = UInt32(columns)
        product.input = Operand(buffer: plan.addBuffer(x), stride: UInt32(inner), offset: 0)
        product.weights = Operand(
          buffer: plan.addBuffer(weights), stride: UInt32(stride), offset: 0)
        product.bias = Operand(buffer: plan.addBuffer(bias), stride: 0, offset: 0)
        product.output = Operand(buffer: plan.addBuffer(output), stride: UInt32(columns), offset: 0)
        plan.append(product)
        try plan.check(rows: rows)
        var run = Run()
        run.rows = UInt32(rows)
        plan.execute(on: backend, run: run)
        return output.values.map(\.bitPattern)
      }
      #expect(bits[1] == bits[0] && bits[2] == bits[0], "\(rows) x \(inner) x \(columns)")
    }
  }
}

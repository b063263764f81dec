import LatentKernels
import LatentNetworks
import Testing

@Suite struct NetworkTests {
  let backend = try! FusedBackend(threads: 2)

  private func noise(_ rows: Int, _ columns: Int, stream: UInt32) throws -> Matrix<Float> {
    let random = CounterRandom(
      seed: 3, purpose: LATENT_PURPOSE_OBSERVATION, sample: 0, row: stream, epoch: 0)
    return try Matrix(
      rows: rows, columns: columns, values: (0..<rows * columns).map { Float(random.normal($0)) })
  }

  /// Σ of products, in double.
  private func dot(_ a: [Float], _ b: [Float]) -> Double {
    zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
  }

  /// The encoder's gradients of input and parameters, against differences of its own outputs.
  @Test(arguments: [Activation.tanh, .softplus, .sigmoid])
  func encoderGradients(activation: Activation) throws {
    let encoder = try Encoder(
      inputs: 21, hidden: [17, 50], latentDimensions: 5, activation: activation, capacity: 33,
      backend: backend, seed: 1)
    let batch = try noise(33, 21, stream: 0)
    let weights = DiagonalGaussian(
      mean: try noise(33, 5, stream: 1), logVariance: try noise(33, 5, stream: 2))
    func loss(_ batch: Matrix<Float>) throws -> Double {
      let posterior = try encoder.forward(batch)
      return dot(posterior.mean.values, weights.mean.values)
        + dot(posterior.logVariance.values, weights.logVariance.values)
    }
    _ = try loss(batch)
    let gradient = try #require(try encoder.backward(batch, gradient: weights))
    func expectSlope(_ expected: Double, _ along: (Double) throws -> Double, _ name: String) throws
    {
      let step = 0.01
      let slope = (try along(step) - along(-step)) / (2 * step)
      #expect(abs(slope - expected) < 0.005 * expected, "\(name): \(slope) for \(expected)")
    }
    let norm = dot(gradient.values, gradient.values).squareRoot()
    try expectSlope(
      norm,
      { distance in
        var moved = batch
        for i in moved.values.indices {
          moved.values[i] += Float(distance / norm) * gradient.values[i]
        }
        return try loss(moved)
      }, "input")
    for slot in encoder.parameters.slots {
      let start = try encoder.parameters.read(slot)
      let slopes = try encoder.parameters.read(slot, .gradients)
      let norm = dot(slopes, slopes).squareRoot()
      try expectSlope(
        norm,
        { distance in
          let moved = zip(start, slopes).map { $0 + Float(distance / norm) * $1 }
          try encoder.parameters.write(moved, to: slot)
          return try loss(batch)
        }, slot.name)
      try encoder.parameters.write(start, to: slot)
    }
  }

  @Test(arguments: Likelihood.allCases)
  func decoderGivesTheGradientOfItsLatents(likelihood: Likelihood) throws {
    let decoder = try Decoder(
      latentDimensions: 3, hidden: [20], dimensions: 19, activation: .tanh, likelihood: likelihood,
      capacity: 8, backend: backend, seed: 2)
    let latents = try noise(8, 3, stream: 5)
    let output = try decoder.forward(latents)
    let weights = try noise(8, output.columns, stream: 6)
    let gradient = try decoder.backward(latents, outputGradient: weights)
    let norm = dot(gradient.values, gradient.values).squareRoot()
    func loss(_ distance: Double) throws -> Double {
      var moved = latents
      for i in moved.values.indices {
        moved.values[i] += Float(distance / norm) * gradient.values[i]
      }
      return dot(try decoder.forward(moved).values, weights.values)
    }
    let slope = (try loss(0.01) - loss(-0.01)) / 0.02
    #expect(abs(slope - norm) < 0.005 * norm)
    let decoded = try decoder.decode(latents)
    #expect(decoded.mean.rows == 8 && decoded.mean.columns == 19)
  }

  /// Six values are not 2 x 3 ones.
  @Test(arguments: [
    (2, 2, 3, 2), (2, 2, 1, 6), (2, 2, 2, 2), (1, 4, 2, 3), (4, 1, 2, 3), (3, 2, 3, 3),
  ])
  func gradientsOfAnotherShapeAreRefused(
    rows: Int, latents: Int, gradientRows: Int, outputs: Int
  ) throws {
    let decoder = try Decoder(
      latentDimensions: 2, hidden: [], dimensions: 3, capacity: 4, backend: backend)
    _ = try decoder.forward(Matrix(rows: 2, columns: 2))
    _ = try decoder.backward(
      Matrix(rows: 2, columns: 2), outputGradient: Matrix(rows: 2, columns: 3))
    #expect(throws: ShapeError.self) {
      try decoder.backward(
        Matrix(rows: rows, columns: latents),
        outputGradient: Matrix(rows: gradientRows, columns: outputs))
    }
  }

  private func stack(
    inputs: Int, outputs: Int, in layout: inout ParameterLayout
  ) throws -> MultilayerPerceptron {
    try MultilayerPerceptron(
      prefix: "stack", inputs: inputs, hidden: [], activation: .relu, outputColumns: outputs,
      output: [ColumnSlice(name: "out", count: outputs)], inputNeedsGradient: true, layout: &layout)
  }

  /// A network reads and writes where its own layout says, so that no other one's memory will do.
  @Test(arguments: [(1, 1), (8, 39), (40, 8), (1000, 1000)])
  func parametersOfAnotherLayoutAreRefused(inputs: Int, outputs: Int) throws {
    var (own, other, longer) = (ParameterLayout(), ParameterLayout(), ParameterLayout())
    let network = try stack(inputs: 8, outputs: 40, in: &own)
    _ = try stack(inputs: inputs, outputs: outputs, in: &other)
    let found = #expect(throws: ShapeError.self) {
      try BatchedNetwork(network, parameters: Parameters(other), capacity: 2, backend: backend)
    }
    #expect(found?.description.contains("no layer like out, 8 x 40") == true)
    // Nor a layer of the same sizes in another place; those of a layout that went on will do.
    _ = try stack(inputs: inputs, outputs: outputs, in: &longer)
    let second = try stack(inputs: 8, outputs: 40, in: &longer)
    _ = try stack(inputs: inputs, outputs: outputs, in: &own)
    #expect(throws: ShapeError.self) {
      try BatchedNetwork(second, parameters: Parameters(own), capacity: 2, backend: backend)
    }
    _ = try BatchedNetwork(network, parameters: Parameters(own), capacity: 2, backend: backend)
  }

  /// Layers that no kernel has room for, and names of columns that are not there.
  @Test(
    arguments: [
      (0, [], 4, [(4, 0, false)]), (-1, [], 4, [(4, 0, false)]), (.max, [], 4, [(4, 0, false)]),
      (4, [0], 4, [(4, 0, false)]), (4, [-1], 4, [(4, 0, false)]), (4, [.max], 4, [(4, 0, false)]),
      (4, [], 0, [(0, 0, false)]), (4, [], -1, [(4, 0, false)]), (4, [], .max, [(4, 0, false)]),
      (4, [], 4, []), (4, [], 4, [(5, 0, false)]), (4, [], 4, [(4, 1, false)]),
      (4, [], 4, [(4, 0, false), (1, 4, false)]), (4, [], 4, [(4, -1, false)]),
      (4, [], 4, [(0, 0, false)]), (4, [], 4, [(-1, 0, false)]), (4, [], 4, [(.max, 0, false)]),
      (4, [], 4, [(1, .max, false)]), (4, [], 32, [(17, 0, true)]), (4, [], 32, [(16, 17, true)]),
    ] as [(Int, [Int], Int, [(Int, Int, Bool)])])
  func layersWithoutASizeAreRefused(
    inputs: Int, hidden: [Int], outputs: Int, slices: [(count: Int, start: Int, paired: Bool)]
  ) {
    var layout = ParameterLayout()
    #expect {
      try MultilayerPerceptron(
        prefix: "stack", inputs: inputs, hidden: hidden, activation: .relu, outputColumns: outputs,
        output: slices.map {
          ColumnSlice(name: "out", count: $0.count, start: $0.start, paired: $0.paired)
        }, inputNeedsGradient: true, layout: &layout)
    } throws: { $0 is any LatentError }
    #expect(throws: SettingError.self) {
      try layout.addVector(name: "none", count: outputs % 2 - 1)
    }
  }

  /// Any set gives the same weights, and one that the CPU lacks none.
  @Test(arguments: InstructionSet.allCases)
  func initializesByAnySet(_ set: InstructionSet) throws {
    let parameters = try VariationalNetworks(Architecture(dimensions: 9, hidden: [5])).parameters
    parameters.initialize(seed: 4)
    let digest = parameters.digest
    guard set.isAvailable else {
      #expect(throws: SettingError.self) { try parameters.initialize(seed: 5, instructionSet: set) }
      #expect(parameters.digest == digest)
      return
    }
    try parameters.initialize(seed: 5, instructionSet: set)
    #expect(parameters.digest != digest)
    try parameters.initialize(seed: 4, instructionSet: set)
    #expect(parameters.digest == digest || !set.keepsBits)
  }

  /// Rooms that no machine has.
  @Test(arguments: [Int.min, -1, 0, 1 << 30, 1 << 45, .max])
  func capacitiesWithoutRoomAreRefused(_ capacity: Int) throws {
    #expect(throws: SettingError.self) {
      try Encoder(
        inputs: 4, hidden: [1 << 12], latentDimensions: 2, capacity: capacity, backend: backend)
    }
    #expect(throws: SettingError.self) {
      try Decoder(
        latentDimensions: 2, hidden: [1 << 12], dimensions: 4, capacity: capacity,
        backend: backend)
    }
    let networks = try VariationalNetworks(Architecture(dimensions: 4, hidden: [1 << 12]))
    #expect(throws: SettingError.self) {
      try Encoder(networks, capacity: capacity, backend: backend)
    }
    #expect(throws: SettingError.self) {
      try Decoder(networks, capacity: capacity, backend: backend)
    }
  }

  @Test(arguments: [[1 << 20, 1 << 20], [Int](repeating: 1 << 20, count: 256)])
  func networksWithoutRoomAreRefused(_ hidden: [Int]) {
    #expect(throws: SettingError.self) {
      try Encoder(
        inputs: 1 << 20, hidden: hidden, latentDimensions: 2, capacity: 1, backend: backend)
    }
    #expect(throws: SettingError.self) {
      try Decoder(
        latentDimensions: 2, hidden: hidden, dimensions: 1 << 20, capacity: 1, backend: backend)
    }
    #expect(throws: SettingError.self) {
      try VariationalNetworks(Architecture(dimensions: 1 << 20, hidden: hidden))
    }
  }

  @Test func shapesThatDoNotFitAreNamed() throws {
    let encoder = try Encoder(
      inputs: 784, hidden: [8], latentDimensions: 2, capacity: 4, backend: backend)
    let wrong = #expect(throws: ShapeError.self) {
      try encoder.forward(Matrix(rows: 2, columns: 64))
    }
    #expect(wrong?.description == "The encoder expects 784 columns, the batch has 64.")
    #expect(throws: ShapeError.self) { try encoder.forward(Matrix(rows: 5, columns: 784)) }
    #expect(try encoder.forward(Matrix(rows: 0, columns: 784)).mean.rows == 0)
    _ = try encoder.forward(Matrix(rows: 3, columns: 784))
    let narrow = DiagonalGaussian(
      mean: Matrix(rows: 3, columns: 1), logVariance: Matrix(rows: 3, columns: 1))
    #expect(throws: ShapeError.self) {
      try encoder.backward(Matrix(rows: 3, columns: 784), gradient: narrow)
    }
    #expect(throws: SettingError.self) {
      try Encoder(inputs: 0, hidden: [], latentDimensions: 2, capacity: 4, backend: backend)
    }
  }
}

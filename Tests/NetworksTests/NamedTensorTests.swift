import LatentKernels
import LatentNetworks
import Testing

@Suite struct NamedTensorTests {
  @Test func parametersComeBackAsTheyWereWritten() throws {
    let networks = try VariationalNetworks(
      Architecture(dimensions: 21, hidden: [18], latentDimensions: 5, likelihood: .gaussian))
    let parameters = networks.parameters
    parameters.initialize(seed: 9)
    let digest = parameters.digest
    let values = try parameters.slots.map { try parameters.read($0) }
    for slot in parameters.slots {
      try parameters.write([Float](repeating: 0, count: slot.count), to: slot)
    }
    #expect(parameters.digest != digest)
    for (slot, value) in zip(parameters.slots, values) { try parameters.write(value, to: slot) }
    #expect(parameters.digest == digest)
    #expect(Set(parameters.slots.map(\.name)).count == parameters.slots.count)
    #expect(
      parameters.learnedCount == 21 * 18 + 18 + 2 * (18 * 5 + 5) + 5 * 18 + 18 + 2 * (18 * 21 + 21))
  }

  /// Heads begin within a panel, a Gaussian's means and log-variances take turns; whole panels and parts of
  /// one, layers of a single input.
  @Test(arguments: [
    (1, [], 1, Likelihood.bernoulli), (16, [16], 16, .gaussian), (21, [18, 33], 5, .gaussian),
    (40, [7], 20, .gaussianDiagonal), (70, [100], 9, .gaussianShared),
  ])
  func tensorsLieWhereTheirPositionsSay(
    dimensions: Int, hidden: [Int], latents: Int, likelihood: Likelihood
  ) throws {
    let parameters = try VariationalNetworks(
      Architecture(
        dimensions: dimensions, hidden: hidden, latentDimensions: latents, likelihood: likelihood)
    ).parameters
    for index in 0..<parameters.values.count {
      parameters.values.pointer[index] = Float(index)
      parameters.secondMoments.pointer[index] = -Float(index)
    }
    var places: Set<Int> = []
    for slot in parameters.slots {
      try #expect(parameters.read(slot) == slot.positions.map { Float($0) }, "\(slot.name)")
      var room = [Float](repeating: .nan, count: slot.count)
      var span = room.mutableSpan
      try parameters.read(slot, .secondMoments, into: &span)
      #expect(room == slot.positions.map { -Float($0) }, "\(slot.name)")
      #expect(places.isDisjoint(with: slot.positions), "\(slot.name)")
      places.formUnion(slot.positions)
    }
    #expect(places.count == parameters.learnedCount)
    // A tensor that is written changes no other number, and none of what pads panels.
    for slot in parameters.slots {
      var expected = Array(parameters.values.values)
      let new = (0..<slot.count).map { 0.5 + Float($0) }
      for (position, value) in zip(slot.positions, new) { expected[position] = value }
      try parameters.write(new.span, to: slot)
      #expect(Array(parameters.values.values) == expected, "\(slot.name)")
    }
  }

  /// Transposed copies hold every weight: the gradient of an input through written weights is that of the
  /// product in double.
  @Test func copiesFollowWhatIsWritten() throws {
    let decoder = try Decoder(
      latentDimensions: 19, hidden: [], dimensions: 35, capacity: 3,
      backend: FusedBackend(threads: 1))
    let weights = try #require(decoder.parameters.slots.first)
    let w = (0..<35 * 19).map { Float($0 % 23) - 11 }
    try decoder.parameters.write(w, to: weights)
    decoder.parameters.refreshTransposed()
    func numbers(_ count: Int) -> [Float] { (0..<count).map { Float($0 % 7 - 3) } }
    let z = try Matrix(rows: 3, columns: 19, values: numbers(57))
    let dy = try Matrix(rows: 3, columns: 35, values: numbers(105))
    _ = try decoder.forward(z)
    let dz = try decoder.backward(z, outputGradient: dy)
    for row in 0..<3 {
      for latent in 0..<19 {
        let expected = (0..<35).reduce(Float(0)) { $0 + dy[row, $1] * w[$1 * 19 + latent] }
        #expect(dz[row, latent] == expected)  // whole numbers: exact
      }
    }
  }

  /// Descent by names, and on the storages as they lie: the same parameters.
  @Test(arguments: ["fused", "simd", "reference"])
  func descentOnPanelsIsDescentByNames(name: String) throws {
    let backend: any Backend =
      switch name {
      case "fused": try FusedBackend(threads: 2)
      case "simd": SIMDBackend()
      default: ReferenceBackend()
      }
    func encoder() throws -> Encoder {
      try Encoder(
        inputs: 21, hidden: [37], latentDimensions: 5, activation: .tanh, capacity: 9,
        backend: backend)
    }
    let (named, whole) = (try encoder(), try encoder())
    let batch = try Matrix(
      rows: 9, columns: 21, values: try Kernels().normals(9 * 21, seed: 4, row: 1))
    for _ in 0..<3 {
      for encoder in [named, whole] {
        let posterior = try encoder.forward(batch)
        try encoder.backward(batch, gradient: posterior)
      }
      for slot in named.parameters.slots {
        let gradient = try named.parameters.read(slot, .gradients)
        try named.parameters.write(
          zip(named.parameters.read(slot), gradient).map { $0 - 0.1 * $1 }, to: slot)
      }
      let (values, gradients) = (whole.parameters.values.values, whole.parameters.gradients.values)
      for index in values.indices { values[index] -= 0.1 * gradients[index] }
      named.parameters.refreshTransposed()
      whole.parameters.refreshTransposed()
      #expect(Array(named.parameters.values.values) == Array(values))
    }
    #expect(try named.forward(batch) == whole.forward(batch))
  }

  /// Tensors of other parameters and other numbers of values are refused before memory is harmed.
  @Test func whatDoesNotFitIsRefused() throws {
    func parameters(_ dimensions: Int, hidden: [Int] = []) throws -> Parameters {
      try VariationalNetworks(Architecture(dimensions: dimensions, hidden: hidden)).parameters
    }
    let (small, large) = (try parameters(3), try parameters(900, hidden: [7]))
    let digest = small.digest
    for slot in large.slots {
      let error = #expect(throws: ShapeError.self) { _ = try small.read(slot) }
      #expect(error?.description.contains("\(slot.name) \(slot.shape)") == true)
      #expect(throws: ShapeError.self) {
        try small.write([Float](repeating: 1, count: slot.count), to: slot)
      }
    }
    for slot in small.slots {
      for count in [0, slot.count - 1, slot.count + 1] {
        var room = [Float](repeating: 1, count: count)
        let error = #expect(throws: ShapeError.self) { try small.write(room, to: slot) }
        #expect(
          error?.description
            == "\(slot.name) \(slot.shape) has \(slot.count) values, found \(count).")
        #expect(throws: ShapeError.self) {
          var span = room.mutableSpan
          try small.read(slot, into: &span)
        }
      }
    }
    #expect(small.digest == digest)
    // Laid out alike: a copy's tensors are these.
    for (slot, twin) in zip(small.slots, try parameters(3).slots) {
      try #expect(small.read(twin) == small.read(slot))
    }
  }
}

// A trainer of its own on Latent's networks: a classifier of points inside and outside a circle, by
// plain gradient descent.
import LatentKernels
import LatentNetworks

var layout = ParameterLayout()
let layers = MultilayerPerceptron(
  prefix: "classifier", inputs: 2, hidden: [16], activation: .tanh, outputColumns: 1,
  output: [ColumnSlice(name: "logit", count: 1)], inputNeedsGradient: true, layout: &layout)
let parameters = Parameters(layout)
parameters.initialize(seed: 1)

// A backend written here: it counts what it hands on.
final class CountingBackend: Backend {
  let name = "counting"
  let inner = SIMDBackend()
  nonisolated(unsafe) var operations = 0
  func execute(_ operations: [PlanOperation], on buffers: [Buffer], run: Run) {
    self.operations += operations.count
    inner.execute(operations, on: buffers, run: run)
  }
}

let count = 200
let random = CounterRandom(
  seed: 7, purpose: LATENT_PURPOSE_OBSERVATION, sample: 0, row: 0, epoch: 0)
let points = (0..<2 * count).map { Float(random.uniform($0)) * 2 - 1 }
let inside = (0..<count).map { row -> Float in
  let (x, y) = (points[2 * row], points[2 * row + 1])
  return x * x + y * y < 0.6 ? 1 : 0
}
let batch = try Matrix(rows: count, columns: 2, values: points)

/// Trains and returns the share of points it gets right.
func train(on backend: any Backend) throws -> Double {
  parameters.initialize(seed: 1)
  let network = try BatchedNetwork(
    layers, parameters: parameters, capacity: count, backend: backend)
  var right = 0
  for _ in 0..<600 {
    let logits = try network.forward(batch)
    let p = logits.values.applying(InstructionSet.best.kernels.sigmoid)
    right = (0..<count).count { (p[$0] > 0.5) == (inside[$0] == 1) }
    let gradient = (0..<count).map { row -> Float in (p[row] - inside[row]) / Float(count) }
    _ = try network.backward(
      batch, outputGradient: Matrix(rows: count, columns: 1, values: gradient))
    for slot in parameters.slots {
      let step = parameters.read(slot, .gradients)
      parameters.write(zip(parameters.read(slot), step).map { $0 - 2 * $1 }, to: slot)
    }
    parameters.refreshTransposed()
  }
  return Double(right) / Double(count)
}

let counting = CountingBackend()
let shares = [try train(on: FusedBackend()), try train(on: counting)]
let found = "right: \(shares), operations counted: \(counting.operations)"
guard shares.allSatisfy({ $0 > 0.9 }), counting.operations == 600 * 6 else {
  fatalError("expected both above 0.9 and 3600 operations, found \(found)")
}
print(found)

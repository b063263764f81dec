extension SIMDStep {
  /// output = activation(input W + bias)
  func linearForward(_ rows: Range<Int>) {
    forEachPanel(columns) { column, width in
      let bias = biasLanes(column, width)
      withPackedPanel(column, width) { panel in
        product(
          rows, floats(operation.input), rowStride: Int(operation.input.stride), innerStride: 1,
          inner: inner, panel: panel
        ) { row, sums in
          store(activate(sums + bias), self.row(operation.output, row) + column, width)
        }
      }
    }
  }

  /// The panel of weights that begins at `column`, packed from plain rows where they lie so.
  private func withPackedPanel(
    _ column: Int, _ width: Int, _ body: (UnsafePointer<Float>) -> Void
  ) {
    if operation.layout == LATENT_LAYOUT_PANELS {
      return body(floats(operation.weights) + column * inner)
    }
    withUnsafeTemporaryAllocation(of: Float.self, capacity: inner * 16) { packed in
      packed.initialize(repeating: 0)
      for k in 0..<inner {
        for n in 0..<width {
          packed[k * 16 + n] =
            operation.layout == LATENT_LAYOUT_INNER_BY_COLUMNS
            ? row(operation.weights, k)[column + n] : row(operation.weights, column + n)[k]
        }
      }
      body(packed.baseAddress!)
    }
  }

  /// input times the panel of weights that begins at `column`.
  @inline(__always) func forwardProduct(
    _ rows: Range<Int>, _ column: Int, body: (_ row: Int, Lanes) -> Void
  ) {
    product(
      rows, floats(operation.input), rowStride: Int(operation.input.stride), innerStride: 1,
      inner: inner, panel: floats(operation.weights) + column * inner, body: body)
  }

  @inline(__always) func biasLanes(_ column: Int, _ width: Int) -> Lanes {
    operation.bias.exists ? load(floats(operation.bias) + column, width) : Lanes()
  }

  /// dX = (dY Wt) * activation'(X)
  func linearBackwardInput(_ rows: Range<Int>) {
    forEachPanel(inner) { column, width in
      product(
        rows, floats(operation.gradient), rowStride: Int(operation.gradient.stride), innerStride: 1,
        inner: columns, panel: floats(operation.weights_transposed) + column * columns
      ) { row, sums in
        store(
          sums * slope(row, column, width), self.row(operation.output, row) + column, width)
      }
    }
  }

  /// dW = Xt dY and db = 1t dY, panel by panel: written, or taken into Adam.
  func linearBackwardWeights(_ panels: Range<Int>) {
    let gradient = Floats.allocate(capacity: rows * 16)
    defer { gradient.deallocate() }
    for panel in panels {
      // A panel of dY in one piece, so that the product finds it like weights.
      let width = min(16, columns - 16 * panel)
      var biasGradient = Lanes()
      for row in 0..<rows {
        let lanes = load(self.row(operation.gradient, row) + 16 * panel, width)
        store(lanes, gradient + 16 * row)
        biasGradient += lanes
      }
      product(
        0..<inner, floats(operation.input), rowStride: 1,
        innerStride: Int(operation.input.stride), inner: rows, panel: gradient
      ) { k, sums in
        weightGradient(k, panel, is: sums)
      }
      self.biasGradient(panel, is: biasGradient)
      if operation.update { transposeWeights(panel) }
    }
  }

  // MARK: Passes over a stored product

  /// output = activation(output + bias)
  func activateOutput(_ rows: Range<Int>) {
    for row in rows {
      let output = self.row(operation.output, row)
      forEachPanel(columns) { column, width in
        let sums = load(output + column, width) + biasLanes(column, width)
        store(activate(sums), output + column, width)
      }
    }
  }

  /// output = output * activation'(X)
  func multiplySlope(_ rows: Range<Int>) {
    for row in rows {
      let output = self.row(operation.output, row)
      forEachPanel(inner) { column, width in
        let sums = load(output + column, width)
        store(sums * slope(row, column, width), output + column, width)
      }
    }
  }

  // MARK: Activations

  @inline(__always) private func activate(_ x: Lanes) -> Lanes {
    switch operation.activation {
    case LATENT_ACTIVATION_RELU: larger(Lanes(), x)
    case LATENT_ACTIVATION_TANH: tanh(x)
    case LATENT_ACTIVATION_SIGMOID: sigmoid(x)
    case LATENT_ACTIVATION_SOFTPLUS: softplus(x)
    case LATENT_ACTIVATION_ELU:
      select(x .> Lanes(), x, expm1(negative: smaller(Lanes(), x)))
    default: x
    }
  }

  /// The activation's derivative from what it gave.
  @inline(__always) private func slope(_ row: Int, _ column: Int, _ width: Int) -> Lanes {
    let one = Lanes(repeating: 1)
    guard operation.input.exists, operation.activation != LATENT_ACTIVATION_IDENTITY else {
      return one
    }
    let y = load(self.row(operation.input, row) + column, width)
    switch operation.activation {
    case LATENT_ACTIVATION_RELU: return select(y .> Lanes(), one, Lanes())
    case LATENT_ACTIVATION_TANH: return one - y * y
    case LATENT_ACTIVATION_SIGMOID: return y * (one - y)
    case LATENT_ACTIVATION_SOFTPLUS: return -expm1(negative: -y)
    default: return select(y .> Lanes(), one, y + one)
    }
  }
}

extension ReferenceStep {
  /// Adam on a layer from its written gradient. A layer without weights is a vector of parameters:
  /// a bias, or a learned variance.
  func adam() {
    let gradient = panels(operation.weights_gradient, rows: inner)
    for column in 0..<columns {
      if operation.weights.exists {
        for k in 0..<inner { updateWeight(k, column, gradient[k, column]) }
      }
      if operation.bias.exists {
        updateBias(column, vector(operation.bias_gradient)[column])
      }
    }
    transposeWeights()
  }

  /// Takes the gradient of one weight into Adam where the operation updates, else writes it out.
  func weightGradient(_ k: Int, _ column: Int, is gradient: Double) {
    if operation.update {
      updateWeight(k, column, gradient)
    } else {
      panels(operation.weights_gradient, rows: inner)[k, column] = gradient
    }
  }

  /// The same for the bias, if there is one.
  func biasGradient(_ column: Int, is gradient: Double) {
    if operation.update {
      if operation.bias.exists { updateBias(column, gradient) }
    } else if operation.bias_gradient.exists {
      vector(operation.bias_gradient)[column] = gradient
    }
  }

  /// weights_transposed, if there is one, becomes the transpose of the weights again.
  func transposeWeights() {
    guard operation.weights_transposed.exists else { return }
    let weights = panels(operation.weights, rows: inner)
    let transposed = panels(operation.weights_transposed, rows: columns)
    for k in 0..<inner {
      for column in 0..<columns { transposed[column, k] = weights[k, column] }
    }
  }

  /// Adam's rule for one parameter. The moments are held scaled, m / (1 - beta1), v / (1 - beta2);
  /// what corrects their bias at the beginning is in the rate and in epsilon.
  func update(_ value: inout Double, _ m: inout Double, _ v: inout Double, gradient: Double) {
    m = Double(run.decay1) * m + gradient
    v = Double(run.decay2) * v + gradient * gradient
    value -= Double(run.rate) * m / (v.squareRoot() + Double(run.epsilon))
  }

  private func updateWeight(_ k: Int, _ column: Int, _ gradient: Double) {
    let weights = panels(operation.weights, rows: inner)
    let m = panels(operation.weights_first_moment, rows: inner)
    let v = panels(operation.weights_second_moment, rows: inner)
    update(&weights[k, column], &m[k, column], &v[k, column], gradient: gradient)
  }

  private func updateBias(_ column: Int, _ gradient: Double) {
    let bias = vector(operation.bias)
    let m = vector(operation.bias_first_moment)
    let v = vector(operation.bias_second_moment)
    update(&bias[column], &m[column], &v[column], gradient: gradient)
  }
}

extension SIMDStep {
  /// Adam on panels of a layer from its written gradient; see the reference for layers without
  /// weights.
  func adam(_ panels: Range<Int>) {
    for panel in panels {
      if operation.weights.exists {
        for k in 0..<inner {
          let index = (panel * inner + k) * 16
          updateWeights(index, load(floats(operation.weights_gradient) + index))
        }
        transposeWeights(panel)
      }
      if operation.bias.exists {
        let width = min(16, columns - 16 * panel)
        updateBias(panel, load(floats(operation.bias_gradient) + 16 * panel, width))
      }
    }
  }

  /// Takes the gradient of row `k` of a panel into Adam where the operation updates, else writes it.
  @inline(__always) func weightGradient(_ k: Int, _ panel: Int, is gradient: Lanes) {
    let index = (panel * inner + k) * 16
    if operation.update {
      updateWeights(index, gradient)
    } else {
      store(gradient, floats(operation.weights_gradient) + index)
    }
  }

  func biasGradient(_ panel: Int, is gradient: Lanes) {
    if operation.update {
      if operation.bias.exists { updateBias(panel, gradient) }
    } else if operation.bias_gradient.exists {
      let width = min(16, columns - 16 * panel)
      store(gradient, floats(operation.bias_gradient) + 16 * panel, width)
    }
  }

  /// A panel of weights into weights_transposed, if there is one.
  func transposeWeights(_ panel: Int) {
    guard operation.weights_transposed.exists else { return }
    let weights = floats(operation.weights) + panel * inner * 16
    let transposed: Floats = floats(operation.weights_transposed)
    for column in 0..<min(16, columns - 16 * panel) {
      forEachPanel(inner) { k, width in
        let target = transposed + k * columns + (16 * panel + column) * 16
        for lane in 0..<width { target[lane] = weights[(k + lane) * 16 + column] }
      }
    }
  }

  /// Adam's rule for `width` parameters in a row.
  @inline(__always) func update(
    _ value: Floats, _ m: Floats, _ v: Floats, _ width: Int, gradient: Lanes
  ) {
    let first = load(m, width) * run.decay1 + gradient
    let second = load(v, width) * run.decay2 + gradient * gradient
    store(first, m, width)
    store(second, v, width)
    let step = first * run.rate / (squareRoot(second) + run.epsilon)
    store(load(value, width) - step, value, width)
  }

  @inline(__always) private func updateWeights(_ index: Int, _ gradient: Lanes) {
    update(
      floats(operation.weights) + index, floats(operation.weights_first_moment) + index,
      floats(operation.weights_second_moment) + index, 16, gradient: gradient)
  }

  private func updateBias(_ panel: Int, _ gradient: Lanes) {
    let index = 16 * panel
    update(
      floats(operation.bias) + index, floats(operation.bias_first_moment) + index,
      floats(operation.bias_second_moment) + index, min(16, columns - index), gradient: gradient)
  }
}

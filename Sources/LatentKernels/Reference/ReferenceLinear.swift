import Foundation

extension ReferenceStep {
  /// output = activation(input W + bias)
  func linearForward() {
    let output = matrix(operation.output)
    for row in 0..<rows {
      for column in 0..<columns {
        output[row, column] = activate(linear(row, column))
      }
    }
  }

  /// One entry of input W + bias.
  func linear(_ row: Int, _ column: Int) -> Double {
    let input = matrix(operation.input)
    var sum = operation.bias.exists ? vector(operation.bias)[column] : 0
    for k in 0..<inner { sum += input[row, k] * weight(k, column) }
    return sum
  }

  private func weight(_ k: Int, _ column: Int) -> Double {
    switch operation.layout {
    case LATENT_LAYOUT_INNER_BY_COLUMNS: matrix(operation.weights)[k, column]
    case LATENT_LAYOUT_COLUMNS_BY_INNER: matrix(operation.weights)[column, k]
    default: panels(operation.weights, rows: inner)[k, column]
    }
  }

  /// dX = (dY Wt) * activation'(X)
  func linearBackwardInput() {
    let gradient = matrix(operation.gradient)
    let transposed = panels(operation.weights_transposed, rows: columns)
    let input = matrix(operation.input)
    let output = matrix(operation.output)
    for row in 0..<rows {
      for k in 0..<inner {
        var sum = 0.0
        for column in 0..<columns { sum += gradient[row, column] * transposed[column, k] }
        output[row, k] = operation.input.exists ? sum * activationSlope(input[row, k]) : sum
      }
    }
  }

  /// dW = Xt dY and db = 1t dY
  func linearBackwardWeights() {
    let input = matrix(operation.input)
    let gradient = matrix(operation.gradient)
    for column in 0..<columns {
      for k in 0..<inner {
        var sum = 0.0
        for row in 0..<rows { sum += input[row, k] * gradient[row, column] }
        weightGradient(k, column, is: sum)
      }
      var sum = 0.0
      for row in 0..<rows { sum += gradient[row, column] }
      biasGradient(column, is: sum)
    }
    if operation.update { transposeWeights() }
  }

  /// The layer's activation.
  private func activate(_ x: Double) -> Double {
    switch operation.activation {
    case LATENT_ACTIVATION_RELU: max(x, 0)
    case LATENT_ACTIVATION_TANH: tanh(x)
    case LATENT_ACTIVATION_SIGMOID: sigmoid(x)
    case LATENT_ACTIVATION_SOFTPLUS: max(x, 0) + log1p(exp(-abs(x)))
    case LATENT_ACTIVATION_ELU: x > 0 ? x : expm1(x)
    default: x
    }
  }

  /// The activation's derivative where it took the value `y`.
  private func activationSlope(_ y: Double) -> Double {
    switch operation.activation {
    case LATENT_ACTIVATION_RELU: y > 0 ? 1 : 0
    case LATENT_ACTIVATION_TANH: 1 - y * y
    case LATENT_ACTIVATION_SIGMOID: y * (1 - y)
    case LATENT_ACTIVATION_SOFTPLUS: -expm1(-y)
    case LATENT_ACTIVATION_ELU: y > 0 ? 1 : y + 1
    default: 1
    }
  }
}

/// 1 / (1 + e^-x)
func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

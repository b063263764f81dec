import LatentNetworks

// Two for each multiply-add of the products, padding and everything elementwise left out.

extension MultilayerPerceptron {
  private var multiplyAdds: Int { layers.reduce(0) { $0 + $1.multiplyAdds } }

  package func forwardFLOPs(rows: Int) -> Double { 2 * Double(rows * multiplyAdds) }

  /// dW of all layers; dX of all layers, or of all but the first.
  package func backwardFLOPs(rows: Int, inputGradient: Bool) -> Double {
    let inputs = multiplyAdds - (inputGradient ? 0 : layers[0].multiplyAdds)
    return 2 * Double(rows * (multiplyAdds + inputs))
  }
}

extension VariationalNetworks {
  /// Forward, and backward to everything but the data.
  package func stepFLOPs(rows: Int) -> Double {
    encoder.forwardFLOPs(rows: rows) + decoder.forwardFLOPs(rows: rows)
      + encoder.backwardFLOPs(rows: rows, inputGradient: false)
      + decoder.backwardFLOPs(rows: rows, inputGradient: true)
  }
}

import LatentKernels

extension StepWorkload {
  /// Trains for so many steps with Adam's usual settings, so that gradients are those of a network
  /// that has begun to learn. The same bits each time.
  public func train(steps: Int, on backend: any Backend) {
    var powers = (1.0, 1.0)
    var run = run
    for _ in 0..<steps {
      powers = (powers.0 * 0.9, powers.1 * 0.999)
      // Step size and epsilon for moments that are held scaled, as the trainer gives them.
      let scale = ((1 - 0.999) / (1 - powers.1)).squareRoot()
      run.rate = Float(1e-3 * (1 - 0.9) / (1 - powers.0) / scale)
      run.epsilon = Float(1e-8 / scale)
      plan.execute(on: backend, rows: nextRows(), run: run)
      run.sample += 1
      run.step += 1
    }
  }
}

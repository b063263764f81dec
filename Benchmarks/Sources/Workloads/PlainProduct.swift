import LatentKernels

/// relu(x W + b) on row-major memory alone.
package struct PlainProduct {
  package let flops: Double
  package let backend: any Backend
  private var plan = Plan()
  private var run = Run()

  package init(
    rows: Int, inner: Int, columns: Int, layout: latent_layout, backend: any Backend
  ) throws {
    self.backend = backend
    flops = 2 * Double(rows * inner * columns)
    func filled(_ count: Int, _ row: Int) -> Storage<Float> {
      let storage = Storage<Float>(count: count)
      SyntheticRows.fillNormal(storage.pointer, count: count, row: row, scale: 0.1)
      return storage
    }
    let isTransposed = layout == LATENT_LAYOUT_COLUMNS_BY_INNER
    var product = PlanOperation()
    product.kind = LATENT_OP_LINEAR_FORWARD
    product.activation = LATENT_ACTIVATION_RELU
    product.layout = layout
    product.split_columns = true
    product.inner = UInt32(inner)
    product.columns = UInt32(columns)
    product.input = Operand(
      buffer: plan.addBuffer(filled(rows * inner, 1)), stride: UInt32(inner), offset: 0)
    product.weights = Operand(
      buffer: plan.addBuffer(filled(inner * columns, 2)),
      stride: UInt32(isTransposed ? inner : columns), offset: 0)
    product.bias = Operand(buffer: plan.addBuffer(filled(columns, 3)), stride: 0, offset: 0)
    product.output = Operand(
      buffer: plan.addBuffer(Storage<Float>(count: rows * columns)), stride: UInt32(columns),
      offset: 0)
    plan.append(product)
    try plan.check(rows: rows)
    run.rows = UInt32(rows)
  }

  package func callAsFunction() { plan.execute(on: backend, run: run) }
}

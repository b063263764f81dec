extension ReferenceStep {
  /// Gathers rows of the data set into the batch.
  func loadRows() {
    let output = matrix(operation.output)
    for row in 0..<rows {
      for column in 0..<columns {
        output[row, column] = transformed(row, column)
      }
    }
  }

  private func transformed(_ row: Int, _ column: Int) -> Double {
    let value = sourceValue(dataRow(row), column)
    guard !value.isNaN else { return operation.missing ? 0 : value }
    switch operation.transform {
    case LATENT_TRANSFORM_THRESHOLD:
      return value > 0.5 ? 1 : 0
    case LATENT_TRANSFORM_BINARIZE:
      let u = random(LATENT_PURPOSE_BINARIZATION, row: row).uniform(column)
      return u < value ? 1 : 0
    case LATENT_TRANSFORM_DEQUANTIZE:
      let u = random(LATENT_PURPOSE_DEQUANTIZATION, row: row).uniform(column)
      return (value * 255 + u) / 256
    default:
      return value
    }
  }

  /// A byte stands for byte / 255.
  private func sourceValue(_ row: Int, _ column: Int) -> Double {
    let source = operation.source
    if operation.source_kind == LATENT_SOURCE_BYTES {
      return Double(pointer(source, as: UInt8.self)[row * Int(source.stride) + column]) / 255
    }
    return matrix(source)[row, column]
  }
}

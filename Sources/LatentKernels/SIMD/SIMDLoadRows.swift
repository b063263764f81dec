extension SIMDStep {
  /// Gathers rows of the data set into the batch.
  func loadRows(_ rows: Range<Int>) {
    for row in rows {
      let source = dataRow(row) * Int(operation.source.stride)
      let output = self.row(operation.output, row)
      switch operation.transform {
      case LATENT_TRANSFORM_THRESHOLD:
        forEachPanel(columns) { column, width in
          let isAbove = sourceLanes(source + column, width) .> Lanes(repeating: 0.5)
          store(select(isAbove, Lanes(repeating: 1), Lanes()), output + column, width)
        }
        keepMissing(row, source, output)
      case LATENT_TRANSFORM_BINARIZE:
        random(LATENT_PURPOSE_BINARIZATION, row: row).forEach(columns) { column, width, bits in
          let isOne = uniform(bits) .< sourceLanes(source + column, width)
          store(select(isOne, Lanes(repeating: 1), Lanes()), output + column, width)
        }
        keepMissing(row, source, output)
      case LATENT_TRANSFORM_DEQUANTIZE:
        random(LATENT_PURPOSE_DEQUANTIZATION, row: row).forEach(columns) { column, width, bits in
          let level = sourceLanes(source + column, width) * 255
          store((level + uniform(bits)) / 256, output + column, width)
        }
        keepMissing(row, source, output)
      default:
        forEachPanel(columns) { column, width in
          store(sourceLanes(source + column, width), output + column, width)
        }
        if operation.missing { keepMissing(row, source, output) }
      }
    }
  }

  /// What is missing stays so, or becomes 0 where the operation fills.
  private func keepMissing(_ row: Int, _ source: Int, _ output: Floats) {
    guard operation.source_kind != LATENT_SOURCE_BYTES else { return }
    forEachPanel(columns) { column, width in
      let raw = sourceLanes(source + column, width)
      let missing = operation.missing ? Lanes() : raw
      store(select(raw .== raw, load(output + column, width), missing), output + column, width)
    }
  }

  /// 16 values of the data set; a byte stands for byte / 255.
  @inline(__always) private func sourceLanes(_ index: Int, _ width: Int) -> Lanes {
    guard operation.source_kind == LATENT_SOURCE_BYTES else {
      return load(floats(operation.source) + index, width)
    }
    let base = buffers[Int(operation.source.buffer)].data.assumingMemoryBound(to: UInt8.self)
    let bytes = base + Int(operation.source.offset) + index
    var lanes = Lanes()
    for lane in 0..<width { lanes[lane] = Float(bytes[lane]) }
    return lanes / 255
  }

  /// Uniform on [0, 1), a multiple of 2^-24.
  @inline(__always) private func uniform(_ bits: SIMD16<UInt32>) -> Lanes {
    let whole = unsafeBitCast(bits &>> 8, to: SIMD16<Int32>.self)
    // In two parts, since a float of `lanes` has 22 bits.
    return (lanes(whole &>> 12) * 4096 + lanes(whole & SIMD16(repeating: 0xfff))) * 0x1p-24
  }
}

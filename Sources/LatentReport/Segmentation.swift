#if OpenBLAS
  import LatentKernels
  import LatentModels

  /// A picture parted by the components of a mixture fitted to its pixels' colours.
  public struct Segmentation {
    /// By weight, the heaviest first; of red, green and blue, or of one column where all pixels are grey, and of
    /// places where they count.
    public let model: GaussianMixture
    /// How the mixture's fit went.
    public let report: MixtureReport
    /// Each pixel in its component's mean colour.
    public let segments: ColorImage
    /// p(component | pixel), one picture a component; white is 1.
    public let probabilities: [GreyImage]
    /// Pixels of each component.
    public let counts: [Int]
    /// Each component's mean colour.
    public let colors: [Color]

    /// Pixels that a mixture is fitted to, at random places that the seed decides.
    public static let fittedPixels = 20_000

    /// - Parameter position: 0 for colours alone; w adds the pixel's place, w times its part of the
    ///   picture's longer side, beside red, green and blue in [0, 1].
    /// - Throws: ``SettingError`` for a position below 0, or more components than colours.
    public init(
      of image: ColorImage, components: Int, position: Double = 0, restarts: Int = 4,
      seed: UInt64 = 0, backend: FusedBackend
    ) throws {
      guard position >= 0, position.isFinite else {
        throw SettingError("The weight of the position must be 0 or more, found \(position).")
      }
      let pixels = Pixels(image: image, position: position, isGrey: image.isGrey)
      let configuration = MixtureConfiguration(
        components: components, tolerance: 1e-5, maximumIterations: 200, restarts: restarts,
        seed: seed, precision: .float)
      let fit = try GaussianMixture.fit(
        pixels.rows(Self.sample(of: pixels.count, seed: seed)), configuration, backend: backend)
      let order = (0..<components).sorted { fit.model.weights[$0] > fit.model.weights[$1] }
      let model = try fit.model.reordered(order)
      var segments = ColorImage(height: image.height, width: image.width)
      var maps = [GreyImage](
        repeating: GreyImage(height: image.height, width: image.width), count: components)
      var counts = [Int](repeating: 0, count: components)
      let colors = (0..<components).map { model.color($0, isGrey: pixels.isGrey) }
      // In parts: the probabilities of all pixels at once would take more memory than the picture.
      for start in stride(from: 0, to: pixels.count, by: 1 << 17) {
        let part = start..<min(start + 1 << 17, pixels.count)
        let shares = try model.predictProbabilities(
          pixels.rows(part), precision: .float, backend: backend)
        shares.values.withUnsafeBufferPointer { shares in
          for (index, pixel) in part.enumerated() {
            var best = 0
            for k in 0..<components {
              let share = shares[index * components + k]
              maps[k].pixels[pixel] = UInt8(max(0, min(255, (share * 255).rounded())))
              if share > shares[index * components + best] { best = k }
            }
            counts[best] += 1
            segments.pixels[3 * pixel] = colors[best].red
            segments.pixels[3 * pixel + 1] = colors[best].green
            segments.pixels[3 * pixel + 2] = colors[best].blue
          }
        }
      }
      (self.model, report) = (model, fit.report)
      (self.segments, probabilities, self.counts, self.colors) = (segments, maps, counts, colors)
    }

    /// One pixel of each of equal stretches, so that the sample is even over the picture.
    private static func sample(of count: Int, seed: UInt64) -> [Int] {
      guard count > fittedPixels else { return Array(0..<count) }
      let random = CounterRandom(seed: seed, purpose: LATENT_PURPOSE_SHUFFLE)
      let stretch = Double(count) / Double(fittedPixels)
      return (0..<fittedPixels).map { Int((Double($0) + random.uniform($0)) * stretch) }
    }
  }

  /// The pixels of a picture as rows of a table.
  private struct Pixels {
    let image: ColorImage
    let position: Double
    /// One column of grey levels: three equal ones have a singular covariance.
    let isGrey: Bool

    var count: Int { image.height * image.width }

    func rows(_ indices: some Collection<Int>) throws -> Rows {
      let channels = isGrey ? 1 : 3
      let columns = position > 0 ? channels + 2 : channels
      let step = Float(position / Double(max(image.height, image.width)))
      var values: [Float] = []
      values.reserveCapacity(indices.count * columns)
      image.pixels.withUnsafeBufferPointer { levels in
        for index in indices {
          for channel in 0..<channels { values.append(Float(levels[3 * index + channel]) / 255) }
          guard position > 0 else { continue }
          values.append(Float(index % image.width) * step)
          values.append(Float(index / image.width) * step)
        }
      }
      return try Rows(count: indices.count, columns: columns, storage: .floats(values))
    }
  }

  extension GaussianMixture {
    fileprivate func reordered(_ order: [Int]) throws -> GaussianMixture {
      try GaussianMixture(
        weights: order.map { weights[$0] },
        means: Matrix(
          rows: components, columns: columns, values: order.flatMap { Array(means.row($0)) }),
        covariances: .full(order.map { covariances.matrix($0, columns: columns) }))
    }

    /// Of components of grey levels red, green and blue are one column.
    fileprivate func color(_ k: Int, isGrey: Bool) -> Color {
      func level(_ channel: Int) -> UInt8 {
        UInt8(max(0, min(255, (means[k, isGrey ? 0 : channel] * 255).rounded())))
      }
      return Color(red: level(0), green: level(1), blue: level(2))
    }
  }

  extension ColorImage {
    fileprivate var isGrey: Bool {
      for red in stride(from: 0, to: pixels.count, by: 3) {
        let (level, green, blue) = (pixels[red], pixels[red + 1], pixels[red + 2])
        guard green == level, blue == level else { return false }
      }
      return true
    }
  }
#endif

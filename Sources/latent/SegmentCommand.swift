#if OpenBLAS
  import ArgumentParser
  import Foundation
  import LatentIO
  import LatentKernels
  import LatentModels
  import LatentReport

  struct SegmentCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "segment",
      abstract: "Part a picture by the colours of its pixels, with a mixture of Gaussians.",
      discussion: """
        Writes segments.png, each pixel in the mean colour of its likeliest component, and a map of \
        probabilities for each component, the heaviest first.
        """)

    @Argument(help: ArgumentHelp("A PNG picture.", valueName: "picture"))
    var picture: String
    @OptionGroup(title: "Computing") var compute: FusedComputeOptions

    @Option(parsing: .unconditional, help: "How many colours.") var components = 4

    @Option(
      parsing: .unconditional,
      help: ArgumentHelp(
        "Weight of a pixel's place beside its colour; 0: colour alone.", valueName: "weight"))
    var position = 0.0

    @Option(parsing: .unconditional, help: "How often to start afresh; the best is kept.")
    var restarts = 4

    @Option(parsing: .unconditional, help: "Keys all randomness.") var seed: UInt64 = 0

    @Option(
      help: ArgumentHelp(
        "Where to write. (default: <picture>-segments)", valueName: "directory"))
    var output: String?

    @Flag(help: "Print one JSON object on standard output.") var json = false

    struct Segment: Encodable {
      var weight: Double
      var pixels: Int
      /// "#rrggbb"
      var color: String
    }

    struct Result: Encodable {
      var segments: [Segment]
      var height, width: Int
      /// Mean log p of a pixel fitted, of colours in [0, 1].
      var meanLogLikelihood: Double
      var iterations: Int
      var picture, output: String
      var seconds: Double
    }

    func run() throws {
      let clock = ContinuousClock()
      let begin = clock.now
      guard 1...64 ~= components else {
        throw SettingError("A picture has 1 to 64 segments, found \(components).")
      }
      let target =
        output ?? URL(fileURLWithPath: picture).deletingPathExtension().lastPathComponent
        + "-segments"
      try RunDirectory.checkFree(target, canResume: false)
      let image = try PNG.readColor(picture)
      let segmentation = try Segmentation(
        of: image, components: components, position: position, restarts: restarts, seed: seed,
        backend: compute.makeFusedBackend())
      let directory = try RunDirectory.create(target)
      do {
        try PNG.write(segmentation.segments, to: directory.path + "/segments.png")
        for (k, map) in segmentation.probabilities.enumerated() {
          try PNG.write(map, to: directory.path + "/probability-\(k + 1).png")
        }
        try segmentation.model.save(to: directory.model)
      } catch {
        directory.remove()
        throw error
      }
      let report = segmentation.report
      let model = segmentation.model
      let result = Result(
        segments: (0..<components).map { k in
          Segment(
            weight: model.weights[k], pixels: segmentation.counts[k],
            color: segmentation.colors[k].hex)
        }, height: image.height, width: image.width,
        meanLogLikelihood: report.meanLogLikelihood, iterations: report.iterations[report.best],
        picture: picture, output: target, seconds: (clock.now - begin).seconds)
      for warning in report.warnings { printError("warning: \(warning)") }
      try json ? printJSON(result) : print(text(result))
    }

    private func text(_ result: Result) -> String {
      alignedTable(
        ["segment", "weight", "pixels", "colour"],
        result.segments.enumerated().map { index, segment in
          [
            "\(index + 1)", decimal(segment.weight, 3), grouped(segment.pixels), segment.color,
          ]
        })
        + "\n\n\(result.width) x \(result.height) pixels, \(decimal(result.seconds, 1)) s\n"
        + result.output
    }
  }
#endif

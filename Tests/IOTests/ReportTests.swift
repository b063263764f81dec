import Foundation
import LatentIO
import LatentKernels
import LatentModels
import LatentNetworks
import Testing

@testable import LatentReport

#if canImport(FoundationXML)
  import FoundationXML
#endif

struct ReportTests {
  /// Counts have no halves, and one number makes no scale.
  @Test func ticks() {
    #expect(Ticks(1...3, count: 5, isWhole: true).values == [1, 2, 3])
    #expect(Ticks(0.9...1.1, count: 5, isWhole: true).values == [1])
    for step in 1..<400 {
      let low = Double(step * 37 % 101) / 7 - 5
      let range = low...low + Double(step) / 13
      for count in [3, 4, 7] {
        let values = Ticks(range, count: count).values
        #expect(
          3...max(7, 2 * count) ~= values.count && values.allSatisfy(range.contains),
          "\(range), \(count): \(values)")
      }
    }
  }

  @Test func runsNeedCheckpoints() throws {
    let iris = try Dataset.named("iris")
    let model = try VAE(
      VAEConfiguration(
        architecture: Architecture(dimensions: 4, latentDimensions: 1, likelihood: .gaussian)))
    let trainer = try VAETrainer(
      model, configuration: TrainingConfiguration(), data: iris, heldOut: nil,
      backend: SIMDBackend())
    for every in [0, -1] {
      #expect(throws: SettingError.self) {
        try VAERun(trainer, in: .elsewhere("run"), checkpointEvery: every)
      }
    }
  }

  @Test func pageEscapesWhatItIsGiven() {
    let page = ReportPage(
      "a < b & \"c\"", subtitle: "<script>",
      sections: [
        .settings([("name <i>", "value & more")]),
        .init(
          "x",
          [
            .paragraph("1 < 2"), .code("a && b"),
            .table(["", "n"], rows: [["row", "3"], ["<b>", "4"]]),
            .figures([.init(png: [1, 2, 3], "a \"picture\"")]),
          ]),
      ])
    let html = page.html
    for part in [
      "a &lt; b &amp; &quot;c&quot;", "&lt;script&gt;", "name &lt;i&gt;", "value &amp; more",
      "1 &lt; 2", "a &amp;&amp; b", "<th scope=\"row\">&lt;b&gt;</th><td>4</td>",
      "data:image/png;base64,AQID", "class=\"pairs\"",
    ] { #expect(html.contains(part), "\(part)") }
    #expect(!html.contains("<script>") && !html.contains("{{"))
    #expect(html == page.html)
  }

  @Test func chartsAreWellFormed() {
    let charts: [SVG?] = [
      LineChart("a < b", x: "x", y: "y & z", series: [.init("s", [(0, 1), (1, 2), (2, .nan)])])
        .picture,
      LineChart("one", x: "x", y: "y", series: [.init("s", [(3, 3)])]).picture,
      ScatterChart.picture(
        "map", x: "x", y: "y", points: [(0, 0), (1, 1), (.nan, 1)], labels: ["<a>", "b", "b"]),
      ActiveUnits(variances: [0.5, 1e-9, 0]).picture,
      ActiveUnits(variances: [0.5, 30, 0]).codePicture,
    ]
    for chart in charts {
      let text = chart?.text ?? ""
      #expect(XMLParser(data: Data(text.utf8)).parse(), "\(text)")
      #expect(!text.contains("nan") && !text.contains("inf"))
    }
    #expect(LineChart("none", x: "", y: "", series: [.init("s", [(0, .nan)])]).picture == nil)
  }

  @Test func activeUnits() {
    let units = ActiveUnits(variances: [0.02, 1.5, 0.009, 0.3])
    #expect(units.count == 3 && units.order == [1, 3, 0, 2])
  }

  @Test func logarithmicTicks() {
    let scale = SVGAxes.Scale(range: 0.5...2000, isLogarithmic: true)
    #expect(scale.ticks(4).map(\.label) == ["1", "10", "100", "1000"])
    #expect(abs(scale.position(0.5)) < 1e-12 && abs(scale.position(2000) - 1) < 1e-12)
    #expect(
      SVGAxes.Scale(range: 0.01...0.5, isLogarithmic: true).ticks(4).map(\.label)
        == ["0.01", "0.03", "0.1", "0.3"])
  }

  @Test func phaseNames() {
    #expect(PhaseName.short("decoder.logit weight gradient and Adam") == "dec.logit dW+Adam")
    #expect(PhaseName.short("encoder.mean|rawLogVariance forward") == "enc.heads forward")
    #expect(PhaseName.short(String(repeating: "x", count: 30)).count == 17)
  }
}

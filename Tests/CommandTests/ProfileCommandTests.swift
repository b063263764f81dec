import Foundation
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

extension CommandTests {
  @Suite struct ProfileCommandTests {
    static let network = ["profile", "--network", "48-32-16-4", "--seconds", "0.2"]

    private func profile(_ place: Workspace, _ options: String...) throws -> Command.Outcome {
      let outcome = try Command.run(Self.network + options, in: place)
      #expect(outcome.status == 0, "\(outcome.errors)")
      return outcome
    }

    @Test func rowsNameEveryPhase() throws {
      let place = try Workspace()
      let result = try profile(
        place, "--json", "--dense", "--output", "run", "--batch-size", "16", "--trace", "trace.json"
      ).json()
      #expect(result["network"] as? String == "48-32-16-4")
      #expect(result["output"] as? String == "run" && result["trace"] as? String == "trace.json")
      let configurations = try #require(result["configurations"] as? [[String: Any]])
      #expect(configurations.count == 1)
      let profile = try #require(configurations[0]["profile"] as? [String: Any])
      let phases = try #require(profile["phases"] as? [[String: Any]])
      let names = phases.compactMap { $0["name"] as? String }
      // Rows, two networks of three layers there and back, the latent space between, the likelihood.
      #expect(names.count == 1 + 6 + 1 + 5 + 1 + 1 + 6)
      for name in [
        "load rows", "decoder.logit forward and likelihood",
        "encoder.layers.0 weight gradient and Adam",
      ] { #expect(names.contains(name)) }
      for phase in phases {
        let times = try #require(phase["microseconds"] as? [String: Double])
        #expect(times["median"]! > 0 && times["p10"]! <= times["p90"]!)
        #expect(phase["minimumMegabytes"] as? Double ?? 0 > 0)
      }
      // 2 multiply-adds of all products, forward and back, for 16 rows.
      let (layers, first) = (48 * 32 + 32 * 16 + 16 * 8 + 4 * 16 + 16 * 32 + 32 * 48, 48 * 32)
      let flop = Double(2 * 16 * (3 * layers - first))
      #expect(abs((configurations[0]["gflop"] as? Double ?? 0) * 1e9 - flop) < 1)
      let epilogues = try #require(configurations[0]["epilogues"] as? [[String: Any]])
      #expect(
        Set(epilogues.compactMap { $0["epilogue"] as? String })
          .isSubset(of: ["activation", "likelihood", "activationDerivative", "adam"]))
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: place.path + "/run").sorted()
          == ["profile.json", "report.html", "roofline.svg", "step.svg"])
      try checkTrace(place.read("trace.json"))
      try checkPage(place.text("run/report.html"))
      for name in ["step.svg", "roofline.svg"] {
        #expect(XMLParser(data: try place.read("run/\(name)")).parse())
      }
    }

    /// Beside each other, too, where two phases have one name.
    @Test func sidesNameEveryPhase() throws {
      let place = try Workspace()
      let options = ["--batch-size", "16,32", "--threads", "1", "--seconds", "0.05"]
      let network = ["profile", "--network", "784-32-4"] + options
      let json = try Command.run(network + ["--json"], in: place).json()
      let configurations = try #require(json["configurations"] as? [[String: Any]])
      let phases = try configurations.map {
        try #require(($0["profile"] as? [String: Any])?["phases"] as? [[String: Any]])
      }
      let lists = phases[0].count { ($0["name"] as? String)?.contains("ones") == true }
      #expect(lists == 2, "\(phases[0].compactMap { $0["name"] })")
      let text = try Command.run(network, in: place).output
      #expect(text.split(separator: "\n").count { $0.hasPrefix("list ones") } == lists)
    }

    /// Strict JSON; on each track spans nest and none overlaps another.
    private func checkTrace(_ data: Data) throws {
      let trace = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
      let events = try #require(trace["traceEvents"] as? [[String: Any]])
      struct Span {
        var start, end: Int
        var name: String
      }
      var tracks: [String: [Span]] = [:]
      for event in events where event["ph"] as? String == "X" {
        func nanoseconds(_ name: String) throws -> Int {
          Int((try #require(event[name] as? Double) * 1000).rounded())
        }
        let start = try nanoseconds("ts")
        tracks["\(event["pid"]!)/\(event["tid"]!)", default: []].append(
          Span(
            start: start, end: start + (try nanoseconds("dur")),
            name: try #require(event["name"] as? String)))
      }
      #expect(!tracks.isEmpty)
      for spans in tracks.values {
        #expect(spans.contains { $0.name == "step" })
        var open: [Span] = []
        for span in spans.sorted(by: { ($0.start, $1.end) < ($1.start, $0.end) }) {
          while let last = open.last, last.end <= span.start, last.end < span.end || open.count > 1
          {
            open.removeLast()
          }
          if let outer = open.last {
            #expect(span.start >= outer.start && span.end <= outer.end, "\(span) in \(outer)")
          } else {
            #expect(span.name == "step")
          }
          open.append(span)
        }
      }
    }

    /// One file: nothing is fetched, nothing runs.
    private func checkPage(_ html: String) {
      #expect(html.hasPrefix("<!DOCTYPE html>") && html.hasSuffix("</html>\n"))
      #expect(html.contains("width=device-width"))
      let elsewhere = html.replacing("http://www.w3.org/2000/svg", with: "")
      for word in ["http:", "https:", "<script", "<link", "@import", "url(", "{{"] {
        #expect(!elsewhere.contains(word), "\(word)")
      }
    }

    @Test func productsThatGatherAreMarked() throws {
      let place = try Workspace()
      let text = try profile(place).output
      #expect(text.contains("list ones") && text.contains("enc.0 forward*"))
      #expect(text.contains("* gathers rows"))
    }

    @Test func tablesFitEightyColumns() throws {
      let place = try Workspace()
      let one = try profile(place, "--per-thread", "--threads", "2").output
      #expect(one.contains("sum of these rows") && one.contains("wait before"))
      let many = try profile(
        place, "--backend", "fused,simd,reference", "--batch-size", "8,16", "--threads", "1"
      ).output
      #expect(many.contains("ratio") && many.contains("refer/16/1"))
      for line in (one + many).split(separator: "\n") {
        #expect(line.count <= 80, "\(line)")
      }
    }

    @Test func aFittedRun() throws {
      let place = try Workspace()
      _ = try Command.run(["fit", "vae", "--data", "iris", "--output", "vae"] + small, in: place)
      let result = try place.latent(
        "profile", "vae", "--seconds", "0.2", "--objectives", "elbo", "--samples", "1,4",
        "--draws", "8", "--json", "--output", "run"
      ).json()
      #expect(result["data"] as? String == "iris" && result["likelihood"] as? String == "gaussian")
      let sides = try #require(result["configurations"] as? [[String: Any]])
      #expect(sides[0]["batchSize"] as? Int == 64)
      let estimators = try #require(result["estimators"] as? [[String: Any]])
      #expect(estimators.compactMap { $0["samples"] as? Int } == [1, 4])
      #expect(try place.text("run/report.html").contains("Gradient estimators"))
      try place.latentRefuses(["profile", "vae", "--hidden", "3"], saying: "its own network")
      try place.latentRefuses(["profile", "vae", "--batch-size", "500"], saying: "1...135")
    }

    /// The step that is profiled is the one that the run takes.
    @Test func theObjectiveOfTheRun() throws {
      let place = try Workspace()
      func profile(_ name: String, _ options: String...) throws -> Command.Outcome {
        let fit = ["fit", "vae", "--data", "iris", "--output", name] + small + options
        #expect(try Command.run(fit, in: place).status == 0)
        return try place.latent(
          "profile", name, "--seconds", "0.2", "--json", "--output", "profile-\(name)")
      }
      func first(_ outcome: Command.Outcome) throws -> [String: Any] {
        try #require((outcome.json()["configurations"] as? [[String: Any]])?.first)
      }
      let elbo = try profile("elbo", "--gradient-limit", "5")
      #expect(elbo.errors.contains("trained with --gradient-limit, which the step"))
      #expect(try elbo.json()["objective"] as? String == "elbo")
      let iwae = try profile("iwae", "--objective", "iwae", "--samples", "5", "--free-bits", "0")
      #expect(iwae.errors.isEmpty || iwae.errors.hasPrefix("warning: others"), "\(iwae.errors)")
      #expect(try iwae.json()["objective"] as? String == "iwae")
      #expect(try iwae.json()["samples"] as? Int == 5)
      let found = try #require(first(iwae)["profile"] as? [String: Any])
      let phases = try #require(found["phases"] as? [[String: Any]])
      #expect(phases.contains { $0["name"] as? String == "bound and weights of draws" })
      // The decoder's part is five times as much.
      let (more, less) = (try first(iwae)["gflop"] as! Double, try first(elbo)["gflop"] as! Double)
      #expect(more > 2 * less)
      #expect(try place.text("profile-iwae/report.html").contains("iwae of 5 draws"))
    }

    @Test func unknownNamesGiveTheList() throws {
      let place = try Workspace()
      for (arguments, fragment) in [
        (["--backend", "cuda"], "there are fused, openblas, simd, reference"),
        (["--network", "resnet"], "there are 784-400-20 (relu) and 784-200-200-50 (tanh)"),
        (["--objectives", "vimco"], "there are elbo, sampled-elbo, stl, iwae, dreg, score"),
        (["--batch-size", "0"], "at least 1"),
        (["--threads", "0"], "threads"), (["--seconds", "0"], "--seconds"),
        (["--latent", "0"], "latent dimensions"), (["--samples", "3"], "--objectives"),
        (["--objectives", "elbo", "--samples", "0"], "1...100000"),
        (["--network", "784"], "inputs-hidden"),
      ] {
        try place.latentRefuses(["profile"] + arguments, saying: fragment)
      }
      try place.latentFails(["profile", "nowhere"], saying: "no such run")
    }
  }
}

extension CommandTests {
  @Suite struct ReportTests {
    /// The command that the page gives makes the same model.
    @Test func theRepetitionRepeats() throws {
      let place = try Workspace()
      let first = try Command.run(
        ["fit", "vae", "--data", "iris", "--held-out", "0.2", "--beta", "0.5", "--seed", "7"]
          + ["--output", "run", "--json"] + small, in: place
      ).json()
      let page = try place.text("run/report.html")
      #expect(page.contains(try #require(first["digest"] as? String)))
      let start = try #require(page.range(of: "latent fit vae "))
      let line = page[start.upperBound...].prefix { $0 != "<" }
      let again = try Command.run(
        ["fit", "vae"] + line.split(separator: " ").map(String.init)
          + ["--output", "again", "--json"], in: place
      ).json()
      #expect(again["digest"] as? String == first["digest"] as? String)
      #expect(try place.read("again/report.html") == place.read("run/report.html"))
    }

    /// Names of columns may have commas.
    @Test func theRepetitionQuotesColumns() throws {
      let place = try Workspace()
      let rows = (0..<30).map { "\($0 % 7),\($0 % 5),\($0 % 3)\n" }.joined()
      try place.write("names.csv", ("\"width, mm\",\"5\"\" pipe\",age\n" + rows).utf8)
      let columns = "\"5\"\" pipe\" , \"width, mm\""
      _ = try Command.run(
        ["fit", "vae", "--data", "names.csv", "--columns", columns, "--output", "run"] + small,
        in: place)
      let page = try place.text("run/report.html").replacing("&quot;", with: "\"")
        .replacing("&#39;", with: "'")
      #expect(page.contains("--columns '5\" pipe,\"width, mm\"'"))
    }

    @Test func eventsForTensorBoard() throws {
      let place = try Workspace()
      _ = try Command.run(["fit", "vae", "--tensorboard", "--output", "run"] + small, in: place)
      let events = try place.read("run/tensorboard/events.out.tfevents.0.latent")
      let text = String(decoding: events, as: UTF8.self)
      for tag in ["brain.Event:2", "heldOut/elbo", "samples"] { #expect(text.contains(tag)) }
    }
  }
}

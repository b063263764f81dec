import Foundation
import LatentKernels

/// A table of figures and the circumstances they were measured in: text, or one JSON object.
struct Report {
  enum Cell {
    case text(String)
    case integer(Int)
    case number(Double, digits: Int)
  }
  typealias Row = [(name: String, cell: Cell)]

  let command: String
  private(set) var circumstances: Row = [("processor", .text(Machine.processor))]
  private(set) var rows: [Row] = []
  /// What a reader has to know beside the figures.
  var notes: [String] = []

  init(_ command: String) { self.command = command }

  mutating func add(_ row: Row) { rows.append(row) }

  /// Peaks, the way between the cores, and what others did.
  mutating func add(_ session: Session) {
    circumstances.append(("instructionSet", .text(InstructionSet.best.rawValue)))
    for (threads, peaks) in session.peaks.sorted(by: { $0.key < $1.key }) {
      circumstances.append(
        ("peakGFLOPS\(threads)Threads", .number(Spread(peaks).median / 1e9, digits: 0)))
    }
    let pingPong = Spread(session.pingPongs)
    circumstances += [
      ("pingPongNanoseconds", .number(pingPong.median, digits: 0)),
      ("pingPongNanosecondsP10", .number(pingPong.p10, digits: 0)),
      ("pingPongNanosecondsP90", .number(pingPong.p90, digits: 0)),
      ("loadAverage", .number(Spread(session.loads).median, digits: 1)),
      ("othersShare", .number(session.othersShare, digits: 2)),
      ("rounds", .integer(session.rounds)),
      ("date", .text(Date.now.formatted(.iso8601))),
    ]
  }

  func print(json: Bool) throws { Swift.print(json ? try self.json() : text) }
}

// MARK: - Text

extension Report {
  private var text: String {
    var lines = circumstances.map { "\($0.name): \(render($0.cell))" }
    lines.append("")
    if let first = rows.first {
      let table = [first.map(\.name)] + rows.map { $0.map { render($0.cell) } }
      let widths = first.indices.map { column in table.map { $0[column].count }.max()! }
      for (index, row) in table.enumerated() {
        let cells = zip(row, widths).map { cell, width in
          String(repeating: " ", count: width - cell.count) + cell
        }
        lines.append("| " + cells.joined(separator: " | ") + " |")
        if index == 0 {
          lines.append(
            "|" + widths.map { String(repeating: "-", count: $0 + 1) + ":" }.joined(separator: "|")
              + "|")
        }
      }
    }
    return (lines + notes.map { "\n\($0)" }).joined(separator: "\n")
  }

  private func render(_ cell: Cell) -> String {
    switch cell {
    case .text(let text): text
    case .integer(let value): String(value)
    case .number(let value, let digits):
      value.isFinite ? String(format: "%.\(digits)f", value) : "-"
    }
  }
}

// MARK: - JSON

extension Report {
  private func json() throws -> String {
    let object: [String: Any] = [
      "command": command, "circumstances": object(circumstances), "rows": rows.map(object),
      "notes": notes,
    ]
    let data = try JSONSerialization.data(
      withJSONObject: object, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    return String(decoding: data, as: UTF8.self)
  }

  private func object(_ row: Row) -> [String: Any] {
    Dictionary(
      uniqueKeysWithValues: row.map { name, cell in
        switch cell {
        case .text(let text): (name, text as Any)
        case .integer(let value): (name, value)
        case .number(let value, let digits):
          // Two digits more than a table shows.
          (
            name,
            Decimal(string: value.isFinite ? String(format: "%.\(digits + 2)f", value) : "")
              ?? NSNull()
          )
        }
      })
  }
}

extension Report {
  /// Milliseconds of a call, its spread, and how much of the peak that is.
  static func cells(_ measurement: Measurement, flops: Double) -> Row {
    [
      ("milliseconds", .number(measurement.seconds.median * 1e3, digits: 3)),
      ("p10", .number(measurement.seconds.p10 * 1e3, digits: 3)),
      ("p90", .number(measurement.seconds.p90 * 1e3, digits: 3)),
      ("gflops", .number(flops / measurement.seconds.median / 1e9, digits: 1)),
      ("fractionOfPeak", .number(measurement.fractionOfPeak, digits: 3)),
      ("undisturbed", .number(measurement.undisturbed, digits: 2)),
    ]
  }
}

import Foundation
import LatentIO
import LatentKernels
import LatentModels

/// Recorded steps in Chrome's trace format, which Perfetto and chrome://tracing open: a process a
/// measurement, a track a thread, a span a step with its operations and barriers inside.
public enum ChromeTrace {
  /// - Throws: ``FileError``.
  public static func write(_ measurements: [StepMeasurement], to path: String) throws {
    try AtomicFile.write(Array(text(measurements).utf8), to: path)
  }

  static func text(_ measurements: [StepMeasurement]) -> String {
    var events: [String] = []
    for (index, measurement) in measurements.enumerated() {
      let process = index + 1
      events.append(metadata("process_name", process, nil, measurement.name))
      for thread in 0..<(measurement.records.first?.threads ?? 0) {
        events.append(metadata("thread_name", process, thread, "thread \(thread)"))
      }
      let clock = Clock(origin: measurement.records.map(\.begin).min() ?? 0)
      for record in measurement.records {
        for thread in 0..<record.threads {
          spans(record, thread, measurement.phases, process, clock, &events)
        }
      }
    }
    return "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n"
      + events.joined(separator: ",\n") + "\n]}\n"
  }

  /// Whole nanoseconds since the first record: rounded once, so that what touches does not overlap.
  private struct Clock {
    let origin: UInt64
    private let perTick = 1e9 / latent_ticks_per_second()

    init(origin: UInt64) { self.origin = origin }

    func nanoseconds(_ ticks: UInt64) -> Int {
      max(0, Int((Double(Int64(bitPattern: ticks &- origin)) * perTick).rounded()))
    }
  }

  private static func spans(
    _ record: StepRecord, _ thread: Int, _ names: [String], _ process: Int, _ clock: Clock,
    _ events: inout [String]
  ) {
    let count = record.operations.count
    let costs = record.operations.costs(rows: record.rows)
    var inner: [String] = []
    let begin = clock.nanoseconds(record.start(0, thread: thread))
    var previous = begin
    for index in 0..<count {
      let start = max(previous, clock.nanoseconds(record.start(index, thread: thread)))
      let end = max(start, clock.nanoseconds(record.end(index, thread: thread)))
      if record.operations[index].barrier, start > previous {
        inner.append(span("barrier", "wait", process, thread, previous, start, ""))
      }
      let size = costs[index].map { cost in
        ",\"args\":{\"flop\":\(Int(cost.flops)),\"bytesAtLeast\":\(Int(cost.bytes)),"
          + "\"rows\":\(record.rows)}"
      }
      inner.append(
        span(names[index], "operation", process, thread, start, end, size ?? ""))
      previous = end
    }
    let last = max(previous, clock.nanoseconds(record.last))
    if last > previous {
      inner.append(span("barrier", "wait", process, thread, previous, last, ""))
    }
    events.append(span("step", "step", process, thread, begin, last, ""))
    events += inner
  }

  private static func span(
    _ name: String, _ category: String, _ process: Int, _ thread: Int, _ start: Int, _ end: Int,
    _ more: String
  ) -> String {
    "{\"ph\":\"X\",\"name\":\(quoted(name)),\"cat\":\"\(category)\",\"pid\":\(process),"
      + "\"tid\":\(thread),\"ts\":\(microseconds(start)),\"dur\":\(microseconds(end - start))\(more)}"
  }

  private static func metadata(_ kind: String, _ process: Int, _ thread: Int?, _ name: String)
    -> String
  {
    "{\"ph\":\"M\",\"name\":\"\(kind)\",\"pid\":\(process),"
      + (thread.map { "\"tid\":\($0)," } ?? "") + "\"args\":{\"name\":\(quoted(name))}}"
  }

  /// Exactly three digits of a whole number of nanoseconds.
  private static func microseconds(_ nanoseconds: Int) -> String {
    let fraction = String(nanoseconds % 1000)
    return "\(nanoseconds / 1000).\(String(repeating: "0", count: 3 - fraction.count))\(fraction)"
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where scalar.value < 32: result += String(format: "\\u%04x", scalar.value)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

import CProbes
import Foundation
import LatentKernels

/// What the machine can do at most, measured when asked.
enum Machine {
  /// FLOP a second of so many threads at once.
  static func peak(threads: Int) -> Double {
    probe_peak(InstructionSet.best.kernels.peak, 20_000, Int32(threads), 4)
  }
  /// Bytes a second of the STREAM triad.
  static func triad(threads: Int) -> Double { probe_triad(Int32(threads), 2) }
  /// Nanoseconds for a line from one core to the other.
  static func pingPong() -> Double { probe_ping_pong(9) }

  static let processor: String = {
    let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let model = lines.split(separator: "\n").first { $0.hasPrefix("model name") }
    let name = model?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
    return "\(name ?? "unknown"), \(FusedBackend.allowedThreads) cores allowed"
  }()
}

/// How much of the machine others used while we measured: the figure that says whether the rest
/// means anything.
struct Neighbours {
  private let start = Neighbours.usage()

  /// 0: we were alone; 0.5: half of all cores' time went elsewhere.
  var share: Double {
    let end = Self.usage()
    let all = end.all - start.all
    guard all > 0 else { return .nan }
    return max(0, (end.busy - start.busy) - (end.own - start.own)) / all
  }

  /// Seconds since boot over all cores, without idling, and of this process.
  private static func usage() -> (all: Double, busy: Double, own: Double) {
    let stat = (try? String(contentsOfFile: "/proc/stat", encoding: .utf8)) ?? ""
    // cpu user nice system idle iowait irq softirq steal
    let fields = stat.prefix { $0 != "\n" }.split(separator: " ").dropFirst().prefix(8)
    let ticks = fields.compactMap { Double($0) }
    guard ticks.count == 8 else { return (0, 0, 0) }
    let rate = Double(sysconf(Int32(_SC_CLK_TCK)))
    let all = ticks.reduce(0, +) / rate
    var own = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &own)
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) * 1e-6 }
    return (all, all - (ticks[3] + ticks[4]) / rate, seconds(own.ru_utime) + seconds(own.ru_stime))
  }
}

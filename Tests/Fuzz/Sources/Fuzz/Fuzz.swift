import Foundation
import Gauge

/// `LATENT_FUZZ=csv Fuzz [libFuzzer's options] CORPUS`.
private let format: Format = {
  let name = ProcessInfo.processInfo.environment["LATENT_FUZZ"] ?? ""
  guard let format = Format(rawValue: name) else {
    fatalError("LATENT_FUZZ must be one of \(Format.allCases.map(\.rawValue)), found \"\(name)\".")
  }
  // What is made once counts for no file.
  for _ in 0..<3 { format.parse(Array("{}".utf8)) }
  gauge_install()
  return format
}()

/// What libFuzzer's own main calls.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  let format = format
  gauge_start()
  let start = processorTime()
  let bytes = Array(UnsafeBufferPointer(start: data, count: size))
  format.parse(bytes)
  // libFuzzer's own clock goes on while the process waits for a busy machine.
  let seconds = processorTime() - start
  precondition(seconds < 1, "\(size) bytes took \(seconds) seconds")
  let peak = gauge_peak()
  precondition(
    peak <= format.allowance(size) || peak <= format.allowance(Format.inflatedSize(bytes)),
    "\(size) bytes made it hold \(peak), more than it may")
  return 0
}

private func processorTime() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

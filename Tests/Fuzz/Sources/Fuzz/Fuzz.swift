import Foundation

/// `LATENT_FUZZ=csv Fuzz [libFuzzer's options] CORPUS`.
private let format: Format = {
  let name = ProcessInfo.processInfo.environment["LATENT_FUZZ"] ?? ""
  guard let format = Format(rawValue: name) else {
    fatalError("LATENT_FUZZ must be one of \(Format.allCases.map(\.rawValue)), found \"\(name)\".")
  }
  return format
}()

/// What libFuzzer's own main calls.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  format.parse(Array(UnsafeBufferPointer(start: data, count: size)))
  return 0
}

import Foundation
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// Faults injected into the command by Tests/Faults/faults.c.
enum Faults {
  enum Kind: String {
    case kill, torn, full, error, short, interrupt
    /// Of a file that is read.
    case shrink

    /// Those of a directory that is written.
    static let ofWriting: [Kind] = [.kill, .torn, .full, .error, .short, .interrupt]

    /// Whether the process ends on the spot.
    var kills: Bool { self == .kill || self == .torn }

    /// Whether it means anything for the call.
    func concerns(_ call: Call) -> Bool {
      switch self {
      case .kill, .error: true
      case .torn, .short: call.name == "write"
      case .full:
        ["write", "open-to-write", "fsync", "rename", "mkdir", "fallocate"].contains(call.name)
      case .shrink: call.name == "read"
      case .interrupt: ["write", "read", "fsync", "fallocate"].contains(call.name)
      }
    }
  }

  /// One that touched a file below the directory.
  struct Call {
    var number: Int
    var name: String
    var path: String

    var file: String { path.split(separator: "/").last.map(String.init) ?? "" }
  }

  /// The library to preload, where this machine can build it.
  static let library: String? = {
    #if os(Linux)
      let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Faults/faults.c")
      let file = NSTemporaryDirectory() + "latent-faults-\(getpid()).so"
      for compiler in ["clang", "cc"] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [compiler, "-shared", "-fPIC", "-O1", source.path, "-o", file]
        guard (try? process.run()) != nil else { continue }
        process.waitUntilExit()
        if process.terminationStatus == 0 {
          atexit { unlink(NSTemporaryDirectory() + "latent-faults-\(getpid()).so") }
          return file
        }
      }
    #endif
    return nil
  }()

  /// "all", or a training of FaultTests: every point and kind, in place of a few.
  static let asked = ProcessInfo.processInfo.environment["LATENT_FAULTS"]
  static var all: Bool { asked != nil }

  /// What the command is started with so that a call below `directory` of the workspace fails; 0: none.
  static func environment(
    _ kind: Kind? = nil, at number: Int = 0, below directory: String, in place: Workspace
  ) -> [String: String] {
    [
      "LD_PRELOAD": library!, "LATENT_FAULT_BELOW": "\(place.path)/\(directory)",
      "LATENT_FAULT_AT": "\(number)", "LATENT_FAULT_KIND": kind?.rawValue ?? "",
      "LATENT_FAULT_LOG": "\(place.path)/calls",
      // The sanitizers like to be first.
      "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0",
    ]
  }

  /// The calls of the last command in the workspace.
  static func calls(in place: Workspace) throws -> [Call] {
    defer { try? FileManager.default.removeItem(atPath: "\(place.path)/calls") }
    guard place.has("calls") else { return [] }
    return try place.text("calls").split(separator: "\n").map { line in
      let fields = line.split(separator: " ", maxSplits: 2)
      return Call(number: Int(fields[0])!, name: String(fields[1]), path: String(fields[2]))
    }
  }
}

extension Workspace {
  func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)/\(name)") }

  func remove(_ name: String) throws {
    if has(name) { try FileManager.default.removeItem(atPath: "\(path)/\(name)") }
  }

  func copy(_ name: String, to other: String) throws {
    try FileManager.default.copyItem(atPath: "\(path)/\(name)", toPath: "\(path)/\(other)")
  }

  /// The files of a directory, by name; those of directories in it as "directory/name".
  func files(of directory: String) throws -> [String: Data] {
    guard has(directory) else { return [:] }
    var result: [String: Data] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: "\(path)/\(directory)") {
      var isDirectory: ObjCBool = false
      _ = FileManager.default.fileExists(
        atPath: "\(path)/\(directory)/\(name)", isDirectory: &isDirectory)
      if !isDirectory.boolValue { result[name] = try read("\(directory)/\(name)") }
    }
    return result
  }
}

import Foundation
import LatentIO
import LatentModels

extension RunDirectory {
  /// The event file's path, in a directory `tensorboard` of the run.
  public var events: String { eventDirectory + "/events.out.tfevents.0.latent" }
  var eventDirectory: String { path + "/tensorboard" }

  /// The curves, and the pictures that the run has, where `tensorboard --logdir` finds them.
  ///
  /// - Throws: ``FileError``.
  public func writeEvents(_ history: [EpochMetrics]) throws {
    var file = EventFile(history)
    let step = history.last?.epoch ?? 0
    for (tag, path) in [
      ("reconstructions", reconstructions), ("samples", samples), ("manifold", manifold),
    ] where FileManager.default.fileExists(atPath: path) {
      let png = try FileBytes.read(path, limit: 64 << 20)
      // Width and height stand in the header that every PNG begins with.
      guard png.count > 24 else { continue }
      func number(_ at: Int) -> Int { png[at..<at + 4].reduce(0) { $0 << 8 | Int($1) } }
      file.add(step: step, image: tag, height: number(20), width: number(16), png: png)
    }
    guard mkdir(eventDirectory, 0o777) == 0 || errno == EEXIST else {
      throw FileError(eventDirectory, "cannot be made: \(String(cString: strerror(errno))).")
    }
    try file.write(to: events)
  }
}

import LatentKernels

extension Agreement {
  /// The version of this program, its command, and every option that ranks must have in common: where a
  /// rank finds its data, and how many threads it has, is its own affair.
  init(arguments: [String]) {
    self.init()
    add("version", Latent.version)
    let own: Set = [
      "--data", "--test-data", "--output", "--resume", "--threads", "--json", "--quiet",
    ]
    let first = arguments.firstIndex { $0.hasPrefix("-") } ?? arguments.count
    add("command", arguments[..<first].joined(separator: " "))
    var rest = arguments[first...]
    while let option = rest.popFirst() {
      let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(parts[0])
      var values = parts.dropFirst().map(String.init)
      while let next = rest.first, !next.hasPrefix("--") {
        values.append(next)
        rest.removeFirst()
      }
      if !own.contains(name) {
        add(name, values.isEmpty ? "given" : values.joined(separator: " "))
      }
    }
  }
}

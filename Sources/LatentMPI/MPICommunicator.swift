#if MPI
  import CMPI
  import LatentKernels

  /// Ranks that a launcher of MPI started (`mpirun -n 4 …`).
  ///
  /// MPI is of the process: make one of these at its start, and ``end()`` it when all is done. One
  /// thread at a time may call it.
  public struct MPICommunicator: Communicator {
    public let rank: Int
    public let size: Int

    /// Joins the other ranks.
    ///
    /// - Throws: ``CommunicationError`` where MPI cannot start.
    public init() throws {
      try Self.check(latent_mpi_begin(), "start")
      rank = Int(latent_mpi_rank())
      size = Int(latent_mpi_size())
    }

    /// Has a thread move data while the caller computes, in place of its tests alone.
    ///
    /// - Throws: ``CommunicationError`` where there is no thread to be had.
    public func startThread() throws { try Self.check(latent_mpi_start_thread(), "thread") }

    /// Leaves the other ranks, when each of them has come here.
    public func end() throws { try Self.check(latent_mpi_end(), "end") }

    /// Ends every rank at once, with this exit code.
    public func abort(exitCode: Int32) { latent_mpi_abort(exitCode) }

    /// How long a call may wait for the other ranks before it throws; for ever, unless this is called. A
    /// barrier waits for ever in any case: it stands where ranks wait for the work of one.
    ///
    /// - Parameters:
    ///   - seconds: spent waiting, time in which the process was suspended left out; 0 is for ever.
    ///   - isStopping: whether the system asked this process to end: then `secondsToStop` must do.
    public static func setPatience(
      seconds: Double, secondsToStop: Double, isStopping: (@convention(c) () -> Bool)? = nil
    ) {
      latent_mpi_set_patience(seconds, isStopping, secondsToStop)
    }

    /// What this rank has handed to MPI since the start: to be summed, sent or broadcast from here.
    public static var handed: (bytes: UInt64, messages: UInt64) {
      var (bytes, messages) = (UInt64(0), UInt64(0))
      latent_mpi_handed(&bytes, &messages)
      return (bytes, messages)
    }

    // MARK: Collective calls

    public func allReduce(_ values: UnsafeMutableBufferPointer<Double>) throws {
      try inPieces(values.count) { range in
        try begin("sum") {
          latent_mpi_begin_sum_doubles(values.baseAddress! + range.lowerBound, range.count, &$0)
        }.wait()
      }
    }

    public func allReduce(_ values: UnsafeMutableBufferPointer<Float>) throws {
      try inPieces(values.count) { range in
        try beginAllReduce(UnsafeMutableBufferPointer(rebasing: values[range])).wait()
      }
    }

    public func beginAllReduce(
      _ values: UnsafeMutableBufferPointer<Float>
    ) throws -> any CommunicationRequest {
      guard values.count <= Self.largest else {
        try allReduce(values)
        return CompletedRequest()
      }
      guard let start = values.baseAddress, !values.isEmpty else { return CompletedRequest() }
      return try begin("sum") { latent_mpi_begin_sum_floats(start, values.count, &$0) }
    }

    public func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) throws {
      try expect(root)
      try inPieces(bytes.count) { range in
        try begin("broadcast") {
          latent_mpi_begin_broadcast(
            bytes.baseAddress! + range.lowerBound, range.count, Int32(root), &$0)
        }.wait()
      }
    }

    public func send(_ bytes: UnsafeRawBufferPointer, to rank: Int) throws {
      try expect(rank)
      try inPieces(bytes.count) { range in
        try begin("send") {
          latent_mpi_begin_send(
            bytes.baseAddress! + range.lowerBound, range.count, Int32(rank), 0, &$0)
        }.wait()
      }
    }

    public func receive(_ bytes: UnsafeMutableRawBufferPointer, from rank: Int) throws {
      try expect(rank)
      try inPieces(bytes.count) { range in
        try begin("receive") {
          latent_mpi_begin_receive(
            bytes.baseAddress! + range.lowerBound, range.count, Int32(rank), 0, &$0)
        }.wait()
      }
    }

    public func barrier() throws {
      try begin("barrier") { latent_mpi_begin_barrier(&$0) }.wait(patiently: false)
    }

    /// MPI takes negative numbers for any rank, or for none.
    private func expect(_ rank: Int) throws {
      guard 0..<size ~= rank else {
        throw CommunicationError("There is no rank \(rank) of \(size).")
      }
    }

    /// MPI counts in 32 bits.
    private static let largest = 1 << 30

    private func inPieces(_ count: Int, _ call: (Range<Int>) throws -> Void) throws {
      for start in stride(from: 0, to: count, by: Self.largest) {
        try call(start..<min(start + Self.largest, count))
      }
    }

    private func begin(
      _ call: String, _ body: (inout latent_mpi_request) -> Int32
    ) throws -> MPIRequest {
      let request = MPIRequest(call)
      try Self.check(body(&request.request), call)
      return request
    }

    fileprivate static func check(_ status: Int32, _ call: String) throws {
      let remedy = "Start again, with --resume where there is a checkpoint."
      switch Int(status) {
      case LATENT_MPI_OK: return
      case LATENT_MPI_LOST:
        throw CommunicationError(
          "Another process of this run does not answer (\(call)): it, or its machine, is gone. "
            + remedy)
      case LATENT_MPI_INTERRUPTED:
        throw CommunicationError(
          "This process was told to end, and another one does not answer (\(call)): it, or its "
            + "machine, is gone. " + remedy)
      default:
        var text = [CChar](repeating: 0, count: 512)
        latent_mpi_describe(status, &text, text.count)
        let end = text.firstIndex(of: 0) ?? text.endIndex
        throw CommunicationError(
          "MPI failed (\(call)): "
            + String(decoding: text[..<end].map { UInt8(bitPattern: $0) }, as: UTF8.self) + ".")
      }
    }
  }

  /// A message of MPI under way.
  final class MPIRequest: CommunicationRequest {
    fileprivate var request = latent_mpi_request()
    private let call: String
    private var isDone = false

    fileprivate init(_ call: String) { self.call = call }

    func test() throws -> Bool {
      if !isDone { try MPICommunicator.check(latent_mpi_test(&request, &isDone), call) }
      return isDone
    }

    func wait() throws { try wait(patiently: true) }

    func wait(patiently: Bool) throws {
      if !isDone { try MPICommunicator.check(latent_mpi_wait(&request, patiently), call) }
      isDone = true
    }
  }
#endif

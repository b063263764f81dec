#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

// The calls whose plain names would clash with our own methods.

func posixOpen(_ path: String, _ flags: Int32) -> Int32 { open(path, flags) }

/// Read again where a signal came between.
func posixRead(_ descriptor: Int32, _ target: UnsafeMutableRawBufferPointer) -> Int {
  while true {
    let count = read(descriptor, target.baseAddress, target.count)
    if count >= 0 || errno != EINTR { return count }
  }
}

func posixWrite(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
  write(descriptor, bytes.baseAddress, bytes.count)
}

func posixClose(_ descriptor: Int32) {
  _ = close(descriptor)
}

/// Whether the file is on the disk now; `errno` says why not. A signal on the way is no reason.
func posixSync(_ descriptor: Int32) -> Bool {
  while fsync(descriptor) != 0 {
    guard errno == EINTR else { return false }
  }
  return true
}

/// Bytes of memory that the machine has.
let physicalMemory = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))

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

/// Bytes of memory that the machine has.
let physicalMemory = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))

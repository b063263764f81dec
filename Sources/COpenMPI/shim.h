// Brings Open MPI's compiler and linker flags to CMPI, which alone includes mpi.h: its constants are
// casts of addresses, and do not import. Debian: libopenmpi-dev.

// CBLAS and LAPACKE as one module. Debian: libopenblas-dev, liblapacke-dev.
#include <cblas.h>
#include <lapacke.h>

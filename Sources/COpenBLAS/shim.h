// CBLAS and LAPACKE as one module. Debian: libopenblas-dev, liblapacke-dev.
// LAPACKE's own complex types do not import into Swift; we call only the real routines.
#include <cblas.h>
#include <lapacke.h>

// The library's version and core name, for `latent doctor`.
const char *openblas_get_config(void);
char *openblas_get_corename(void);

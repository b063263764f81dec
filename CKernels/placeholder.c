#include "latent_kernels.h"

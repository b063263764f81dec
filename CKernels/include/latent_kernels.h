#ifndef LATENT_KERNELS_H
#define LATENT_KERNELS_H
#endif

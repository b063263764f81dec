// Layers are described with it; it lives beside the kernels that apply it.
@_exported import enum LatentKernels.Activation

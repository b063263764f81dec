// Every kernel, in the order in which they build on each other. Included once per instruction set,
// inside its target attribute; the system headers come first, outside.

#pragma clang fp contract(off)

#include "vector.h"
#include "vector_double.h"

#include "elementary.h"
#include "tile.h"
#include "random.h"
#include "blocks.h"

#include "panels.h"
#include "adam.h"
#include "update.h"
#include "ones.h"
#include "gather.h"
#include "linear.h"
#include "weights.h"

#include "likelihood.h"
#include "likelihood_forward.h"
#include "log_density.h"
#include "load.h"
#include "reparameterize.h"
#include "objective.h"
#include "scatter.h"

#include "mixtures.h"

#include "table.h"
